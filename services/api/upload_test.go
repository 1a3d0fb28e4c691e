package api

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSanitise(t *testing.T) {
	for in, want := range map[string]string{
		"a.mov":                         "a.mov",
		"/films/The Film (1).mov":       "The_Film_(1).mov",
		`C:\films\a.mov`:                "a.mov",
		"..":                            "source",
		"../../etc/passwd":              "passwd",
		".hidden":                       "hidden",
		"":                              "source",
		"  ":                            "source",
		"Füße-映画.mkv":                   "Füße-映画.mkv",
		"a\x00\r\n\"b.mp4":              "a____b.mp4",
		"\xff\xfe.mp4":                  "__.mp4",
		strings.Repeat("x", 300) + ".m": strings.Repeat("x", 198) + ".m",
	} {
		if got := sanitise(in); got != want {
			t.Errorf("sanitise(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSanitise(f *testing.F) {
	f.Add("a.mov")
	f.Add("../é/" + strings.Repeat(".é", 150))
	f.Fuzz(func(t *testing.T, in string) {
		got := sanitise(in)
		if got == "" || len(got) > 200 || strings.ContainsAny(got, "/\\\"\r\n") || got[0] == '.' || !utf8.ValidString(got) {
			t.Errorf("sanitise(%q) = %q", in, got)
		}
		if again := sanitise(got); again != got {
			t.Errorf("sanitise(%q) = %q, and of that %q", in, got, again)
		}
	})
}

// TestPartSize checks S3's limits over all sizes of uploads: at most 10,000 parts,
// each of 5 MiB to 5 GiB.
func TestPartSize(t *testing.T) {
	for size := int64(singleLimit + 1); size < maxUpload; size += size/7 + 1 {
		p := partSize(size)
		if n := (size + p - 1) / p; n > 10000 || p < minPart || p > 5<<30 || p%mib != 0 {
			t.Errorf("%d bytes in %d parts of %d", size, n, p)
		}
	}
	if p := partSize(maxUpload); (maxUpload+p-1)/p > 10000 {
		t.Errorf("the largest upload in parts of %d", p)
	}
}
