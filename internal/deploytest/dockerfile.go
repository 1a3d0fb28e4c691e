package deploytest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// bases are the images that a Dockerfile may begin from, by the name alone: that each has
// an exact tag and a digest TestImagesFromElsewhere checks.
var bases = []string{"golang", "debian"}

var numericUser = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

// CheckDockerfile parses a Dockerfile as BuildKit does and says what is wrong with it.
// service is one of Services, or "reweave".
func CheckDockerfile(service string, text []byte) []error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	ast, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return []error{fmt.Errorf("parse: %w", err)}
	}
	for _, w := range ast.Warnings {
		report("parser: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) { report("%s: %s", rule, message) }})
	stages, _, err := instructions.Parse(ast.AST, lint)
	if err != nil {
		return append(errs, fmt.Errorf("parse: %w", err))
	}
	if _, _, _, ok := parser.DetectSyntax(text); ok {
		report("names a syntax image, which the build would have to fetch")
	}
	if strings.Contains(string(text), "<<") {
		report("has a heredoc")
	}
	if len(stages) != 2 {
		return append(errs, fmt.Errorf("has %d stages, not 2", len(stages)))
	}
	for _, s := range stages {
		if name, _, tagged := strings.Cut(s.BaseName, ":"); !tagged || !slices.Contains(bases, name) {
			report("begins from %q", s.BaseName)
		}
		for _, c := range s.Commands {
			checkCommand(c, report)
		}
	}
	checkBuildStage(stages[0], report)
	checkFinalStage(service, stages[1], report)
	return errs
}

func checkCommand(c instructions.Command, report reporter) {
	switch c := c.(type) {
	case *instructions.AddCommand:
		report("has ADD: COPY says what it does")
	case *instructions.CopyCommand:
		if c.Link {
			report("has COPY --link")
		}
	case *instructions.RunCommand:
		line := strings.Join(c.CmdLine, " ")
		if strings.Contains(line, "curl ") || strings.Contains(line, "wget ") {
			report("fetches something that nothing verifies: %s", line)
		}
		if strings.Contains(line, "apt-get install") && (!strings.Contains(line, "--no-install-recommends") || !strings.Contains(line, "rm -rf /var/lib/apt/lists")) {
			report("leaves apt's lists or installs what is not needed")
		}
	}
}

func checkBuildStage(s instructions.Stage, report reporter) {
	env := envOf(s)
	if env["GOWORK"] != "off" || env["CGO_ENABLED"] != "0" {
		report("builds with GOWORK=%q and CGO_ENABLED=%q", env["GOWORK"], env["CGO_ENABLED"])
	}
	if !strings.HasPrefix(s.BaseName, bases[0]+":") {
		report("builds on %s", s.BaseName)
	}
}

func checkFinalStage(service string, s instructions.Stage, report reporter) {
	var user, stop string
	var labels []string
	var health, entry bool
	for _, c := range s.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.StopSignalCommand:
			stop = c.Signal
		case *instructions.HealthCheckCommand:
			health = len(c.Health.Test) > 1 && c.Health.Test[0] == "CMD"
		case *instructions.EntrypointCommand:
			entry = !c.PrependShell
		case *instructions.LabelCommand:
			for _, l := range c.Labels {
				labels = append(labels, l.Key)
			}
		}
	}
	if !numericUser.MatchString(user) {
		report("user %q is not a number other than 0, with its group", user)
	}
	if stop != "SIGTERM" {
		report("STOPSIGNAL is %q", stop)
	}
	if !entry {
		report("no ENTRYPOINT without a shell")
	}
	if service != "reweave" && !health {
		report("no HEALTHCHECK without a shell")
	}
	for _, l := range []string{"title", "description", "licenses", "version", "revision"} {
		if !slices.Contains(labels, "org.opencontainers.image."+l) {
			report("no label org.opencontainers.image.%s", l)
		}
	}
	known := append(slices.Clone(shared), own[service]...)
	for k := range envOf(s) {
		if strings.HasPrefix(k, "REWEAVE_") && (service == "reweave" || !slices.Contains(known, k)) {
			report("sets %s, which %s does not know", k, service)
		}
	}
}

func envOf(s instructions.Stage) map[string]string {
	env := map[string]string{}
	for _, c := range s.Commands {
		if e, ok := c.(*instructions.EnvCommand); ok {
			for _, kv := range e.Env {
				env[kv.Key] = kv.Value
			}
		}
	}
	return env
}

// CheckIgnore says what is wrong with the ignore file of a Dockerfile: it must send nothing
// but what it names, so that no secret and no other service's source gets into the build.
func CheckIgnore(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if line != "**" {
			return fmt.Errorf("begins with %q: it does not leave out everything first", line)
		}
		return nil
	}
	return errors.New("is empty")
}
