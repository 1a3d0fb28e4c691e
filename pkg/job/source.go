package job

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// SourceKind is the way by which a source is reached.
type SourceKind string

// The kinds of sources. The first three are open to everybody; the others only
// where whoever runs the api allows them.
const (
	Upload    SourceKind = "upload"
	S3        SourceKind = "s3"
	HTTPS     SourceKind = "https"
	PlainHTTP SourceKind = "http"
	LocalPath SourceKind = "path"
	Stdin     SourceKind = "stdin"
	Unknown   SourceKind = ""
)

// StdinSource is the source that stands for the standard input of the one process that
// runs all services.
const StdinSource = "stdin:"

// KindOf tells how a source is reached, by its form alone.
func KindOf(source string) SourceKind {
	scheme, _, found := strings.Cut(source, ":")
	switch k := SourceKind(strings.ToLower(scheme)); {
	case source == "":
		return Unknown
	case source == StdinSource:
		return Stdin
	case filepath.IsAbs(source), !found, strings.Contains(scheme, "/"):
		return LocalPath
	case k == Upload, k == S3, k == HTTPS, k == PlainHTTP:
		return k
	}
	return Unknown
}

// UploadID returns the id in a source of kind Upload.
func (s Spec) UploadID() (id string, ok bool) { return strings.CutPrefix(s.Source, string(Upload)+":") }

// bucketForm is what a bucket may be called, on AWS and elsewhere.
var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$`)

// S3Object takes a source of kind S3 apart. It is not ok where bucket or key are none: a key
// with . or .. among its parts could lead into another bucket, by a server or a proxy that
// takes it for a path.
func S3Object(source string) (bucket, key string, ok bool) {
	rest, ok := strings.CutPrefix(source, string(S3)+"://")
	bucket, key, found := strings.Cut(rest, "/")
	ok = ok && found && bucketForm.MatchString(bucket) && strings.Trim(key, "/") != ""
	for part := range strings.SplitSeq(key, "/") {
		ok = ok && part != "." && part != ".."
	}
	return bucket, key, ok
}

func (s Spec) checkSource(is *Issues, also []SourceKind) {
	bad := func(title, hint string) { is.add("invalid-source", "source", title, hint) }
	kind, shown := KindOf(s.Source), ShownSource(s.Source)
	allowed := slices.Contains(also, kind)
	switch {
	case s.Source == "":
		bad("there is no source", "give upload:ID, s3://bucket/key or https://…")
	case kind == Unknown, kind == Stdin && !allowed:
		bad(fmt.Sprintf("%q is no source this can read", shown), "use upload:ID, s3://bucket/key or https://…")
	case kind == PlainHTTP && !allowed:
		bad("plain http is not allowed here", "use https://, or upload the file")
	case kind == LocalPath && !allowed:
		bad(fmt.Sprintf("this server reads no local paths, such as %q", s.Source), "upload the file")
	case kind == LocalPath && !filepath.IsAbs(s.Source):
		bad(fmt.Sprintf("the path %q is not absolute", s.Source), "give the whole path, from /")
	case kind == Upload:
		if id, _ := s.UploadID(); !ValidID(id) {
			bad(fmt.Sprintf("%q names no upload", s.Source), "give upload:ID as POST /v1/uploads answered it")
		}
	case kind == S3, kind == HTTPS, kind == PlainHTTP:
		u, err := url.Parse(s.Source)
		if err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "" && kind == S3 {
			bad(fmt.Sprintf("%q is no whole URL", shown), "use s3://bucket/key or https://host/path")
		} else if _, _, ok := S3Object(s.Source); kind == S3 && !ok && u.User == nil {
			bad(fmt.Sprintf("%q names no object of a bucket", shown), "use s3://bucket/key")
		} else if kind != S3 && strings.HasSuffix(s.Source, hiddenQuery) {
			bad("this is a source as it is told, without the query that it had", "give the whole URL")
		} else if u.User != nil { // whoever sees the job would see it
			is.add("credentials-in-url", "source", "the URL of the source holds a user's name or password",
				"use a presigned URL that soon ends, or upload the file")
		}
	}
}

// ValidID reports whether id has the form of a job's or an upload's: a ULID, 26
// characters of Crockford's base 32.
func ValidID(id string) bool {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	return len(id) == 26 && strings.Trim(id, alphabet) == ""
}

// SourceNote says what a deliverable was made from, for those who patch it later.
type SourceNote struct {
	Source string `json:"source"`
	Name   string `json:"name,omitempty"`
	// Edits are what was replaced in it, each with its number of frames; Sounds says that
	// their sound was taken, too.
	Edits  []Edit `json:"edits,omitempty"`
	Sounds bool   `json:"sounds,omitempty"`
}

// Note returns what is kept of s's source, and whether there is anything: standard input is
// gone. A query, which may hold a key to an object, is never kept. frames is how many frames
// each of the edits brought.
func (s Spec) Note(frames []int) (n SourceNote, ok bool) {
	if KindOf(s.Source) == Stdin || hasQuery(s.Source) || len(frames) != len(s.Edits) {
		return n, false
	}
	n = SourceNote{Source: s.Source, Name: s.Name, Sounds: s.Sound != nil && s.Sound.Edits}
	for i, e := range s.Edits {
		if hasQuery(e.Source) {
			return SourceNote{}, false
		}
		if e.Part == nil && !e.Aligned {
			e.Part = &EditPart{To: frames[i], Of: frames[i]}
		}
		n.Edits = append(n.Edits, e)
	}
	return n, true
}

func hasQuery(source string) bool {
	u, err := url.Parse(source)
	return err == nil && u.RawQuery != "" && KindOf(source) != LocalPath
}
