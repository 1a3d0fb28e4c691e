package deploytest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// undigested are the images whose digest nobody could be asked for yet. Their tags are
// exact all the same; make pin adds the digests.
var undigested = []string{"nats:2.15.2"}

var (
	reference = regexp.MustCompile(`(?m)^(?:FROM|\s*(?:- )?image:) +(\S+)`)
	// variable is a tag that a person may change, in compose.
	variable = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)
	digested = regexp.MustCompile(`^([^@]+)@(sha256:[0-9a-f]{64})$`)
	// exact is a tag that names one release: a version to its last part, or a date.
	exact = regexp.MustCompile(`^[a-z/]+:([a-z]+-)?([0-9]+\.[0-9]+\.[0-9]+|[0-9]{8}|4\.[0-9]+)(-[a-z]+)?$`)
)

// elsewhere returns the images below a directory that are not made of this repository,
// with their digests, "" for none.
func elsewhere(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, file := range deployed(t, dir) {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
			image, digest := variable.ReplaceAllString(m[1], "$1"), ""
			if strings.HasPrefix(image, "reweave/") {
				continue
			}
			if d := digested.FindStringSubmatch(image); d != nil {
				image, digest = d[1], d[2]
			}
			if before, known := found[image]; known && before != digest {
				t.Errorf("%s: %s has the digest %q here, and %q elsewhere", file, image, digest, before)
			}
			found[image] = digest
		}
	}
	return found
}

// deployed are the files that name images: all Dockerfiles, and all below deploy.
func deployed(t *testing.T, dir string) []string {
	t.Helper()
	files := slices.Collect(maps.Values(dockerfiles()))
	err := filepath.WalkDir(filepath.Join(dir, "deploy"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(path)) {
			path, err = filepath.Rel(dir, path)
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestImagesFromElsewhere(t *testing.T) {
	images := elsewhere(t, root(t))
	for _, want := range []string{"golang:", "debian:", "nats:", "chrislusf/seaweedfs:"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(images)), func(i string) bool { return strings.HasPrefix(i, want) }) {
			t.Errorf("no image %s… was found in %v", want, images)
		}
	}
	for image, digest := range images {
		if !exact.MatchString(image) {
			t.Errorf("%s is no exact tag", image)
		}
		if lacks := slices.Contains(undigested, image); lacks == (digest != "") {
			t.Errorf("%s: digest %q; without one it belongs into undigested, and with one it doesn't", image, digest)
		}
	}
	for _, image := range undigested {
		if _, there := images[image]; !there {
			t.Errorf("%s is not used any more", image)
		}
	}
	for tag, want := range map[string]bool{
		"golang:1.26-bookworm": false, "debian:bookworm-slim": false, "nats:latest": false, "nats:2": false, "nats:2.15": false, "nats": false,
		"nats:2.15.2": true, "nats:2.15.2-alpine": true, "debian:bookworm-20261005-slim": true,
	} {
		if exact.MatchString(tag) != want {
			t.Errorf("%s: exact is %t", tag, !want)
		}
	}
}

// make pin asks for the digest of every image from elsewhere, and puts it behind each; the
// second time in the place of the first. A registry that does not answer changes nothing.
func TestPin(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	for _, file := range append(deployed(t, root(t)), "scripts/pin.sh") {
		to := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, read(t, file), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	docker := func(body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n[ \"$1 $2 $3\" = 'buildx imagetools inspect' ] || exit 9\nfor image; do :; done\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	pin := func() (string, error) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "scripts/pin.sh"))
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	before := elsewhere(t, dir)
	docker(`case $image in nats:*) echo 'no such host' >&2; exit 1 ;; *) echo sha256:` + strings.Repeat("0", 64) + ` ;; esac`)
	if out, err := pin(); err == nil || !maps.Equal(elsewhere(t, dir), before) {
		t.Errorf("a registry that does not answer: %v %s: %v", err, out, elsewhere(t, dir))
	}
	docker(`case $image in nats:*) echo 'sha256:' ;; *) echo sha256:` + strings.Repeat("0", 64) + ` ;; esac`)
	if out, err := pin(); err == nil || !strings.Contains(out, "no digest for nats:") || !maps.Equal(elsewhere(t, dir), before) {
		t.Errorf("a registry that answers something else: %v %s: %v", err, out, elsewhere(t, dir))
	}
	for _, round := range []string{"first", "second"} {
		docker(`printf 'sha256:%s\n' "$(printf '` + round + ` %s' "$image" | sha256sum | cut -d' ' -f1)"`)
		if out, err := pin(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		want := map[string]string{}
		for image := range before {
			want[image] = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(round+" "+image)))
		}
		if got := elsewhere(t, dir); !maps.Equal(got, want) {
			t.Errorf("%s: pinned %v, want %v", round, got, want)
		}
	}
	for service, file := range dockerfiles() { // nothing else was changed
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		report(t, CheckDockerfile(service, text))
	}
	if strings.Count(string(read(t, "deploy/docker-compose.yml")), "\n") != strings.Count(readFrom(t, dir, "deploy/docker-compose.yml"), "\n") {
		t.Error("compose has other lines")
	}
}

func readFrom(t *testing.T, dir, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
