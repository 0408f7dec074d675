// The official Go client. Arguments: protocol version, URL. Tries what attempts.py tries and prints what worked as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	large = 1_000_000
	limit = 15 * time.Second
)

type driver struct {
	session                 *mcp.ClientSession
	logs, changes, progress atomic.Int64
}

type answer struct {
	text    string
	isError bool
}

func main() {
	d := &driver{}
	options := &mcp.ClientOptions{
		LoggingMessageHandler:  func(context.Context, *mcp.LoggingMessageRequest) { d.logs.Add(1) },
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { d.changes.Add(1) },
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) {
			d.progress.Add(1)
		},
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"username": "blue", "email": "blue@example.com"}}, nil
		},
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "1"}, options)
	transport := &mcp.StreamableClientTransport{Endpoint: os.Args[2]}
	session, err := client.Connect(context.Background(), transport, &mcp.ClientSessionOptions{ProtocolVersion: os.Args[1]})
	if err != nil {
		panic(err)
	}
	d.session = session
	report := map[string]any{"protocol": session.InitializeResult().ProtocolVersion}
	failures := map[string]string{}
	for _, attempt := range d.attempts() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		works, err := attempt.check(ctx)
		cancel()
		report[attempt.what] = works && err == nil
		if err != nil {
			failures[attempt.what] = err.Error()
		}
	}
	report["errors"] = failures
	// The line is all there is to see; without it, the test fails.
	line, _ := json.Marshal(report)
	fmt.Println(string(line))
	_ = session.Close()
}

type attempt struct {
	what  string
	check func(context.Context) (bool, error)
}

func (d *driver) attempts() []attempt {
	return []attempt{
		{"lists", d.lists},
		{"calls", d.calls},
		{"failures", func(ctx context.Context) (bool, error) {
			got, err := d.call(ctx, "test_error_handling", nil)
			return got.isError && strings.Contains(got.text, "intentionally"), err
		}},
		{"large", func(ctx context.Context) (bool, error) {
			got, err := d.call(ctx, "large", nil)
			return got.text == strings.Repeat("x", large), err
		}},
		{"reads", d.reads},
		{"gets", d.gets},
		{"progress", func(ctx context.Context) (bool, error) {
			_, err := d.call(ctx, "test_tool_with_progress", nil)
			return err == nil && until(ctx, func() bool { return d.progress.Load() >= 3 }), err
		}},
		{"logs", d.logMessages},
		{"asks", func(ctx context.Context) (bool, error) {
			got, err := d.call(ctx, "test_elicitation", map[string]any{"message": "Which color?"})
			return strings.Contains(got.text, "accept") && strings.Contains(got.text, "blue"), err
		}},
		{"changes", func(ctx context.Context) (bool, error) {
			before := d.changes.Load()
			_, err := d.call(ctx, "test_trigger_tool_change", nil)
			return err == nil && until(ctx, func() bool { return d.changes.Load() > before }), err
		}},
		{"reloads", d.reloads},
	}
}

func (d *driver) call(ctx context.Context, name string, arguments map[string]any) (answer, error) {
	params := &mcp.CallToolParams{Name: name, Arguments: arguments}
	if d.isModern() {
		params.Meta = mcp.Meta{"io.modelcontextprotocol/logLevel": "info"}
	}
	params.SetProgressToken(name)
	result, err := d.session.CallTool(ctx, params)
	if err != nil {
		return answer{}, err
	}
	text, ok := result.Content[0].(*mcp.TextContent)
	if !ok {
		return answer{}, fmt.Errorf("%s answered without text", name)
	}
	return answer{text.Text, result.IsError}, nil
}

func (d *driver) isModern() bool {
	return d.session.InitializeResult().ProtocolVersion >= "2026-07-28"
}

func (d *driver) calls(ctx context.Context) (bool, error) {
	got, err := d.call(ctx, "test_simple_text", nil)
	return strings.HasPrefix(got.text, "This is a simple text") && !got.isError, err
}

func (d *driver) lists(ctx context.Context) (bool, error) {
	tools, err := d.tools(ctx)
	if err != nil {
		return false, err
	}
	resources, err := d.session.ListResources(ctx, nil)
	if err != nil {
		return false, err
	}
	templates, err := d.session.ListResourceTemplates(ctx, nil)
	if err != nil {
		return false, err
	}
	prompts, err := d.session.ListPrompts(ctx, nil)
	if err != nil {
		return false, err
	}
	return slices.Contains(tools, "test_simple_text") &&
		slices.ContainsFunc(resources.Resources, func(r *mcp.Resource) bool { return r.URI == "test://static-text" }) &&
		slices.ContainsFunc(templates.ResourceTemplates, func(t *mcp.ResourceTemplate) bool {
			return t.URITemplate == "test://template/{id}/data"
		}) &&
		slices.ContainsFunc(prompts.Prompts, func(p *mcp.Prompt) bool { return p.Name == "test_simple_prompt" }), nil
}

func (d *driver) tools(ctx context.Context) ([]string, error) {
	listed, err := d.session.ListTools(ctx, nil)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
	}
	return names, nil
}

func (d *driver) reads(ctx context.Context) (bool, error) {
	result, err := d.session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "test://static-text"})
	return err == nil && strings.Contains(result.Contents[0].Text, "static text resource"), err
}

func (d *driver) gets(ctx context.Context) (bool, error) {
	arguments := map[string]string{"arg1": "a", "arg2": "b"}
	result, err := d.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: "test_prompt_with_arguments", Arguments: arguments})
	if err != nil {
		return false, err
	}
	text, ok := result.Messages[0].Content.(*mcp.TextContent)
	return ok && strings.Contains(text.Text, "arg1='a'"), nil
}

// Version 2026-07-28 has no level of the session: the level is in each call.
func (d *driver) logMessages(ctx context.Context) (bool, error) {
	if !d.isModern() {
		if err := d.session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: "info"}); err != nil {
			return false, err
		}
	}
	_, err := d.call(ctx, "test_tool_with_logging", nil)
	return err == nil && until(ctx, func() bool { return d.logs.Load() >= 3 }), err
}

func (d *driver) reloads(ctx context.Context) (bool, error) {
	before, err := d.tools(ctx)
	if err != nil {
		return false, err
	}
	if _, err = d.call(ctx, "test_trigger_tool_change", nil); err != nil {
		return false, err
	}
	changed := until(ctx, func() bool {
		var after []string
		after, err = d.tools(ctx)
		return err != nil || !slices.Equal(after, before)
	})
	if !changed || err != nil {
		return false, err
	}
	return d.calls(ctx)
}

func until(ctx context.Context, condition func() bool) bool {
	for !condition() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}
