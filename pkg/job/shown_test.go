package job_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/job"
)

func TestShownSource(t *testing.T) {
	for source, want := range map[string]string{
		"https://host/a/film.mov":                     "https://host/a/film.mov",
		"https://host:8443/a.mov?sig=secret&b=1":      "https://host:8443/a.mov?…",
		"https://host/a.mov?":                         "https://host/a.mov?…",
		"HTTPS://host?sig=secret":                     "HTTPS://host?…",
		"https://host/a.mov#secret":                   "https://host/a.mov?…",
		"https://me:secret@host/a.mov?sig=secret":     "https://…@host/a.mov?…",
		"https://me:s@ecret@host":                     "https://…@host",
		"https://host/a@b.mov":                        "https://host/a@b.mov",
		"https://host:no port/a?sig=secret":           "https://host:no port/a?…",
		"https:host/a?sig=secret":                     "https:host/a?…",
		"http://host/%zz?sig=secret":                  "http://host/%zz?…",
		"ftp://me:secret@host/a?secret":               "ftp://…@host/a?…",
		"s3://bucket/film.mov":                        "s3://bucket/film.mov",
		"s3://bucket/film.mov?X-Amz-Signature=secret": "s3://bucket/film.mov?…",
		"/films/what?.mov":                            "/films/what?.mov",
		"what?.mov":                                   "what?.mov",
		"upload:01ARZ3NDEKTSV4RRFFQ69G5FAV":           "upload:01ARZ3NDEKTSV4RRFFQ69G5FAV",
		job.StdinSource:                               job.StdinSource,
		"":                                            "",
	} {
		got := job.ShownSource(source)
		if got != want || strings.Contains(got, "secret") {
			t.Errorf("%q is told as %q, want %q", source, got, want)
		}
		if again := job.ShownSource(got); again != got {
			t.Errorf("%q is told as %q the second time", got, again)
		}
	}
}

// What is told has no secret anywhere, and the job itself keeps them all.
func TestShownJobHasNoQuery(t *testing.T) {
	const presigned = "https://host/a.mov?sig=secret"
	j := job.Job{ID: "x", Spec: job.Spec{
		Source: presigned, Name: presigned, Edits: []job.Edit{{Source: presigned, Name: presigned}},
		Sound: &job.Sound{Source: presigned, Name: presigned}, Webhook: &job.Webhook{URL: presigned, Secret: "secret"},
	}}
	before, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	shown := j
	shown.Spec = shown.Spec.WithShownNames()
	told, err := json.Marshal(shown.Shown())
	if err != nil || strings.Contains(string(told), "secret=") || strings.Count(string(told), "https://host/a.mov?…") != 7 {
		t.Errorf("%s, %v", told, err)
	}
	if after, err := json.Marshal(j); err != nil || string(after) != string(before) {
		t.Errorf("the job itself is now %s, %v", after, err)
	}
	if s := (job.Spec{Name: "Film: what?"}).WithShownNames(); s.Name != "Film: what?" {
		t.Errorf("a name that is no URL is now %q", s.Name)
	}
}

// Who submits what was told would fetch something else.
func TestShownSourceIsNoSource(t *testing.T) {
	spec := job.Spec{Source: job.ShownSource("https://host/a.mov?sig=secret")}.WithDefaults()
	err := spec.Validate(map[string][]string{"libx264": {"medium"}})
	if err == nil || !strings.Contains(err.Error(), "without the query") {
		t.Errorf("got %v", err)
	}
}
