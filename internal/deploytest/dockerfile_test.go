package deploytest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dockerfiles are all of them, by what they build.
func dockerfiles() map[string]string {
	all := map[string]string{"reweave": "cmd/reweave/Dockerfile"}
	for _, s := range Services() {
		all[s] = "services/" + s + "/Dockerfile"
	}
	return all
}

func TestDockerfiles(t *testing.T) {
	for service, file := range dockerfiles() {
		t.Run(service, func(t *testing.T) {
			report(t, CheckDockerfile(service, read(t, file)))
			if err := CheckIgnore(string(read(t, file+".dockerignore"))); err != nil {
				t.Errorf("its ignore file %v", err)
			}
		})
	}
}

// What the linker is to set is a variable of a package that is there; the linker itself
// would say nothing.
func TestLinkedVariables(t *testing.T) {
	flag := regexp.MustCompile(`-X github\.com/reweave/reweave/(\S+)\.(\w+)=`)
	for _, file := range dockerfiles() {
		for _, m := range flag.FindAllStringSubmatch(string(read(t, file)), -1) {
			sources, err := filepath.Glob(filepath.Join(root(t), m[1], "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			declared := slices.ContainsFunc(sources, func(s string) bool {
				text, err := os.ReadFile(s)
				return err == nil && strings.Contains(string(text), "\nvar "+m[2]+" = \"")
			})
			if !declared {
				t.Errorf("%s: no variable %s in %s", file, m[2], m[1])
			}
		}
	}
}

func TestDamagedDockerfile(t *testing.T) {
	text := string(read(t, "services/encoder/Dockerfile"))
	for _, d := range []struct{ name, old, new, want string }{
		{"does not parse", "USER 65532:65532", "USSER 65532", "unknown instruction"},
		{"root", "USER 65532:65532\n", "", "is not a number"},
		{"user by name", "USER 65532:65532", "USER nobody", "is not a number"},
		{"user 0", "USER 65532:65532", "USER 0:0", "is not a number"},
		{"other base", "FROM debian:", "FROM alpine:", "begins from"},
		{"add", "COPY pkg /src/pkg", "ADD https://example.com/pkg.tar /src/pkg", "has ADD"},
		{"fetch", "go mod download", "curl -o /x https://example.com/x", "nothing verifies"},
		{"syntax", "# The encoder", "# syntax=docker/dockerfile:1\n# The encoder", "syntax image"},
		{"link", "COPY --from=build", "COPY --link --from=build", "--link"},
		{"workspace", "GOWORK=off ", "", "builds with GOWORK"},
		{"apt", "--no-install-recommends ", "", "apt's lists"},
		{"stop signal", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "STOPSIGNAL"},
		{"healthcheck in a shell", `CMD ["/usr/local/bin/reweave-encoder", "healthcheck"]`, "CMD reweave-encoder healthcheck", "no HEALTHCHECK"},
		{"entrypoint in a shell", `ENTRYPOINT ["/usr/local/bin/reweave-encoder"]`, "ENTRYPOINT reweave-encoder", "no ENTRYPOINT"},
		{"label", "image.licenses", "image.licences", "no label"},
		{"variable", "ENV REWEAVE_ENCODER_SCRATCH", "ENV REWEAVE_MUXER_SCRATCH", "does not know"},
		{"three stages", "FROM debian:", "FROM debian:x AS a\nFROM debian:", "3 stages"},
		{"linter", " AS build\n", " as build\n", "FromAsCasing"},
	} {
		t.Run(d.name, func(t *testing.T) {
			changed := strings.Replace(text, d.old, d.new, 1)
			if changed == text {
				t.Fatalf("the Dockerfile does not hold %q any more", d.old)
			}
			wantError(t, CheckDockerfile("encoder", []byte(changed)), d.want)
		})
	}
	for _, ignore := range []string{"", "# nothing\n", "pkg\n**\n"} {
		if CheckIgnore(ignore) == nil {
			t.Errorf("ignore file %q is taken", ignore)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The Dockerfiles mount caches, which the builder that an older docker takes by itself does
// not know.
func TestBuildsAskForBuildKit(t *testing.T) {
	builds := 0
	for _, file := range []string{"Makefile", "deploy/env.sh"} {
		for line := range strings.Lines(string(read(t, file))) {
			if !strings.Contains(line, "docker build ") {
				continue
			}
			if builds++; !strings.Contains(line, "DOCKER_BUILDKIT=1 docker build ") {
				t.Errorf("%s: without DOCKER_BUILDKIT=1: %s", file, line)
			}
		}
	}
	if builds < 3 {
		t.Errorf("found %d builds", builds)
	}
}
