// A Vault in memory, for tests: Vault's own core, HTTP interface and the parts that are logged in with and read from.
// Prints one line of JSON when it listens, and ends when its standard input does.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

type builtins struct{}

func (builtins) Contains(string, consts.PluginType) bool { return true }
func (builtins) Get(string, consts.PluginType) (func() (interface{}, error), bool) {
	return nil, false
}
func (builtins) Keys(consts.PluginType) []string { return []string{"kv", "approle", "jwt"} }
func (builtins) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}

func (builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

func main() {
	cert := flag.String("cert", "", "PEM file with certificate and key; without it, plain HTTP")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	check(err)
	scheme := "http"
	if *cert != "" {
		scheme = "https"
	}
	address := scheme + "://" + listener.Addr().String()
	core, ready := start(address)
	ready["address"] = address
	check(json.NewEncoder(os.Stdout).Encode(ready))
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core})
	go func() {
		if *cert != "" {
			check(http.ServeTLS(listener, handler, *cert, *cert))
		}
		check(http.Serve(listener, handler))
	}()
	io.Copy(io.Discard, os.Stdin)
}

func start(address string) (*vault.Core, map[string]string) {
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	check(err)
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		Logger:             logger,
		DisableMlock:       true,
		RedirectAddr:       address,
		BuiltinRegistry:    builtins{},
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory, "jwt": jwt.Factory},
	})
	check(err)
	one := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	made, err := core.Initialize(context.Background(), &vault.InitParams{BarrierConfig: one})
	check(err)
	_, err = core.Unseal(made.SecretShares[0])
	check(err)
	return core, map[string]string{
		"rootToken": made.RootToken,
		"unsealKey": hex.EncodeToString(made.SecretShares[0]),
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
