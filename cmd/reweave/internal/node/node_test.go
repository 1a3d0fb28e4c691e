package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
)

func TestStartOrder(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, "servers bus store api splitter encoder muxer all health"},
		{[]string{"all"}, "servers bus store api splitter encoder muxer all health"},
		{[]string{"encoder"}, "servers bus store encoder health"},
		{[]string{"muxer", "api", "muxer"}, "servers bus store muxer api health"},
	} {
		got, err := startOrder(c.names)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("startOrder(%q) = %q, %v, want %q", c.names, got, err, c.want)
		}
	}
	for _, name := range []string{"enkoder", "servers", ""} {
		_, err := startOrder([]string{name})
		if fault.Of(err) != fault.User {
			t.Errorf("startOrder(%q): got %v, want a user's fault", name, err)
		}
	}
}

func TestModulesNeedOnlyModules(t *testing.T) {
	for name, m := range modules {
		for _, need := range m.needs {
			if _, ok := modules[need]; !ok {
				t.Errorf("%s needs %s, which is none", name, need)
			}
		}
		if m.start == nil {
			t.Errorf("%s can't start", name)
		}
	}
}

func TestReadiness(t *testing.T) {
	r := newReadiness([]string{"bus", "api", "encoder"})
	ended, end := context.WithCancel(t.Context())
	end()
	r.set("api", "")
	r.set("encoder", "still looking for ffmpeg")
	if err := r.await(ended); !errors.Is(err, context.Canceled) {
		t.Fatalf("ready without the encoder: %v", err)
	}
	r.set("encoder", "")
	r.set("encoder", "")
	if err := r.await(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestServes(t *testing.T) {
	dir := t.TempDir() + "/new"
	if Serves(dir) {
		t.Error("a directory that doesn't exist serves")
	}
	if err := MarkServed(dir); err != nil {
		t.Fatal(err)
	}
	if !Serves(dir) {
		t.Error("the mark is not found")
	}
}

func TestMarkdownNamesEveryVariableOnce(t *testing.T) {
	page := Markdown()
	var names []string
	for line := range strings.Lines(page) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `REWEAVE_") {
			names = append(names, name)
			if strings.Count(line, "|")-strings.Count(line, `\|`) != 4 {
				t.Errorf("not three columns: %s", line)
			}
		}
	}
	for _, want := range []string{"REWEAVE_NATS_URL", "REWEAVE_S3_SECRET_KEY", "REWEAVE_API_LISTEN", "REWEAVE_SERVER"} {
		if !slices.Contains(names, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	slices.Sort(names)
	if n := len(names); len(slices.Compact(names)) != n {
		t.Error("a variable is named twice")
	}
}

func TestWrongSettingsAreOneLine(t *testing.T) {
	t.Setenv("REWEAVE_NATS_ULR", "nats://elsewhere")
	t.Setenv("REWEAVE_LOG_LEVEL", "loud")
	_, err := LoadConfigs()
	if fault.Of(err) != fault.User {
		t.Fatalf("got %v, want a user's fault", err)
	}
	text := err.Error()
	for _, want := range []string{"REWEAVE_NATS_ULR: no such setting (did you mean REWEAVE_NATS_URL?)", "REWEAVE_LOG_LEVEL"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not said once in %q", want, text)
		}
	}
	if strings.Contains(text, "\n") {
		t.Errorf("more than one line: %q", text)
	}
}
