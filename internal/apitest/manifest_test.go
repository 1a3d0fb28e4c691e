package apitest

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/services/api"
)

// A deliverable is found by its digest by the tenant that had it made, and by no other.
func TestManifestsAreFoundByDigest(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path})
	mine, theirs := tokens.add("a", auth.Read), tokens.add("b", auth.Read)
	sum := strings.Repeat("0f", 32)
	body := []byte(manifest)
	if err := f.Store.Put(t.Context(), store.ManifestKey("a", sum), bytes.NewReader(body), int64(len(body)), map[string]string{"sha256": digest(body)}); err != nil {
		t.Fatal(err)
	}
	if got, err := f.client.WithToken(mine).ManifestOf(t.Context(), sum); err != nil || string(got) != manifest {
		t.Errorf("%s, %v", got, err)
	}
	f.refused(404, "no-such-deliverable", http.MethodGet, "/v1/manifests/"+sum, "", "Authorization", "Bearer "+theirs)
	for _, wrong := range []string{"0f", strings.ToUpper(sum), sum[:63] + "g"} {
		if res, _ := f.do(http.MethodGet, "/v1/manifests/"+wrong, "", "Authorization", "Bearer "+mine); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s is taken for a digest: %s", wrong, res.Status)
		}
	}
	if err := f.Store.Put(t.Context(), store.ManifestKey("a", sum), strings.NewReader("{}"), 2, map[string]string{"sha256": digest(body)}); err != nil {
		t.Fatal(err)
	}
	f.refused(500, "output-damaged", http.MethodGet, "/v1/manifests/"+sum, "", "Authorization", "Bearer "+mine)
}

// A job is pinned to builds that exist, and refused where they don't.
func TestBuildsThatNobodyHasAreRefused(t *testing.T) {
	f := start(t, api.Config{})
	if err := f.Bus.AnnounceEncoder(t.Context(), queue.Encoder{Name: "libx264", Build: "00000000000000aa"}); err != nil {
		t.Fatal(err)
	}
	spec := func(build string) string { return `{"source":"s3://films/b","builds":{"libx264":"` + build + `"}}` }
	p := f.refused(422, "other-build", http.MethodPost, "/v1/jobs", spec("00000000000000bb"))
	if !strings.Contains(p.Detail, "builds.libx264") || !strings.Contains(p.Detail, "00000000000000bb") {
		t.Errorf("the detail is %q", p.Detail)
	}
	if res, body := f.do(http.MethodPost, "/v1/jobs", spec("00000000000000aa")); res.StatusCode != http.StatusAccepted || !bytes.Contains(body, []byte(`"builds":{"libx264":"00000000000000aa"}`)) {
		t.Errorf("%s %s", res.Status, body)
	}
}
