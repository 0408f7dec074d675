// Builds a kustomization and checks each object as the API server does when it is created: strict decoding, defaults,
// the server's own validation, and the strictest Pod Security Standard for pods. Prints what it has built.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/pod-security-admission/api"
	podpolicy "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return err
	}
	text, err := built.AsYaml()
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(text); err != nil {
		return err
	}
	decoder := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder(
		core.SchemeGroupVersion, apps.SchemeGroupVersion, policy.SchemeGroupVersion, networking.SchemeGroupVersion)
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var problems []error
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return errors.Join(problems...)
		}
		if err != nil {
			return err
		}
		object, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		accessor := object.(metav1.Object)
		for _, problem := range check(object) {
			problems = append(problems, fmt.Errorf("%s %s: %w", kind.Kind, accessor.GetName(), problem))
		}
	}
}

func check(object runtime.Object) []error {
	// The namespace that the client adds.
	if accessor := object.(metav1.Object); accessor.GetNamespace() == "" {
		accessor.SetNamespace("default")
	}
	switch object := object.(type) {
	case *apps.Deployment:
		return append(toErrors(appsvalidation.ValidateDeployment(object, corevalidation.PodValidationOptions{})), checkPod(object.Spec.Template)...)
	case *core.Service:
		return toErrors(corevalidation.ValidateServiceCreate(object))
	case *core.ConfigMap:
		return toErrors(corevalidation.ValidateConfigMap(object))
	case *core.Secret:
		return toErrors(corevalidation.ValidateSecret(object))
	case *core.ServiceAccount:
		return toErrors(corevalidation.ValidateServiceAccount(object))
	case *policy.PodDisruptionBudget:
		return toErrors(policyvalidation.ValidatePodDisruptionBudget(object, policyvalidation.PodDisruptionBudgetValidationOptions{}))
	case *networking.NetworkPolicy:
		return toErrors(networkingvalidation.ValidateNetworkPolicy(object, networkingvalidation.NetworkPolicyValidationOptions{}))
	default:
		return []error{fmt.Errorf("this program checks no %T", object)}
	}
}

// The namespaces of careful clusters enforce this: not root, no privileges, no capabilities, the default filter of system calls.
func checkPod(template core.PodTemplateSpec) []error {
	var external corev1.PodTemplateSpec
	if err := corev1conversion.Convert_core_PodTemplateSpec_To_v1_PodTemplateSpec(&template, &external, nil); err != nil {
		return []error{err}
	}
	evaluator, err := podpolicy.NewEvaluator(podpolicy.DefaultChecks(), nil)
	if err != nil {
		return []error{err}
	}
	var problems []error
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &external.ObjectMeta, &external.Spec) {
		if !result.Allowed {
			problems = append(problems, fmt.Errorf("restricted pods do not allow it: %s: %s", result.ForbiddenReason, result.ForbiddenDetail))
		}
	}
	return problems
}

func toErrors(list field.ErrorList) []error {
	var problems []error
	for _, problem := range list {
		problems = append(problems, problem)
	}
	return problems
}
