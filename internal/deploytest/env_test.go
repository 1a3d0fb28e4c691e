package deploytest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCheckEnv(t *testing.T) {
	good := slices.Clone(needed)
	for _, c := range []struct {
		name, service string
		env           []string
		want          string
	}{
		{"all that is needed", "api", good, ""},
		{"what is not ours", "api", append(slices.Clone(good), "PATH", "TZ"), ""},
		{"its own", "encoder", append(slices.Clone(good), "REWEAVE_ENCODER_SLOTS"), ""},
		{"another's", "muxer", append(slices.Clone(good), "REWEAVE_ENCODER_SLOTS"), "does not know"},
		{"a typo", "api", append(slices.Clone(good), "REWEAVE_API_LISTENS"), "does not know"},
		{"a secret twice", "api", append(slices.Clone(good), "REWEAVE_S3_SECRET_KEY_FILE"), "set twice"},
		{"a file for what is no secret", "api", append(slices.Clone(good), "REWEAVE_S3_BUCKET_FILE"), "does not know"},
		{"something missing", "api", good[1:], "is not set"},
		{"the S3 server", "reweave", s3Server, ""},
		{"the S3 server with more", "reweave", append(slices.Clone(s3Server), "REWEAVE_NATS_URL"), "does not know"},
	} {
		t.Run(c.name, func(t *testing.T) {
			errs := CheckEnv(c.service, c.env)
			if c.want == "" {
				report(t, errs)
				return
			}
			wantError(t, errs, c.want)
		})
	}
}

// The names in env.go are those that the programs know: docs/configuration.md is generated
// from their structs. While it is not there, only env.go itself is what the rest is held
// against.
func TestEnvIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs/configuration.md"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("no docs/configuration.md yet; the deployment uses %q", KnownEnv())
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if missing := UndocumentedEnv(string(text)); len(missing) > 0 {
		t.Errorf("docs/configuration.md does not know %q", missing)
	}
}

func TestUndocumentedEnv(t *testing.T) {
	if got := UndocumentedEnv("| `REWEAVE_DRAIN` |"); len(got) != len(KnownEnv())-1 {
		t.Errorf("of %d names, one documented, %d are missing", len(KnownEnv()), len(got))
	}
	if got := UndocumentedEnv("REWEAVE_DRAINS"); !slices.Contains(got, "REWEAVE_DRAIN") {
		t.Errorf("a longer name documents a shorter one")
	}
}
