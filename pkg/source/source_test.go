package source_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/source"
	"github.com/reweave/reweave/pkg/store"
)

func TestStreamable(t *testing.T) {
	x264 := "-c:v libx264 -preset ultrafast"
	for name, c := range map[string]struct {
		file, args string
		want       bool
	}{
		"mp4, index first":  {"a.mp4", x264 + " -movflags +faststart", true},
		"mp4, index last":   {"a.mp4", x264, false},
		"mp4, fragmented":   {"a.mp4", x264 + " -movflags +empty_moov+frag_keyframe", true},
		"mov, index first":  {"a.mov", "-c:v prores_ks -profile:v 0 -movflags +faststart", true},
		"mov, index last":   {"a.mov", "-c:v prores_ks -profile:v 0", false},
		"mkv":               {"a.mkv", x264, true},
		"webm":              {"a.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8", true},
		"ts":                {"a.ts", x264, true},
		"y4m":               {"a.y4m", "-pix_fmt yuv420p", true},
		"ivf":               {"a.ivf", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8", true},
		"avi":               {"a.avi", "-c:v mpeg4", false},
		"flv":               {"a.flv", x264, false},
		"elementary stream": {"a.h264", x264, false},
		"sound in a RIFF":   {"a.wav", "-vn -f lavfi -i sine=d=0.1 -map 1", false},
		"mxf":               {"a.mxf", "-c:v mpeg2video", false},
	} {
		t.Run(name, func(t *testing.T) {
			in := "-f lavfi -i " + mediatest.Video(0.2, "25")
			path := mediatest.Make(t, c.file, strings.Fields(in+" "+c.args)...)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := source.Streamable(b); got != c.want {
				t.Errorf("streamable: %v", got)
			}
		})
	}
}

// An index that is longer than what was looked at may as well come behind the media.
func TestIndexBeyondTheHeadIsNotStreamable(t *testing.T) {
	path := mediatest.Make(t, "a.mp4", strings.Fields("-f lavfi -i "+mediatest.Video(0.2, "25")+" -c:v libx264 -movflags +faststart")...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	media := bytes.Index(b, []byte("mdat")) - 4
	if !source.Streamable(b[:media]) || source.Streamable(b[:media-9]) {
		t.Errorf("the whole index: %v, cut off: %v", source.Streamable(b[:media]), source.Streamable(b[:media-9]))
	}
}

func FuzzStreamable(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08ftyp\x00\x00\x00\x10moov12345678"))
	f.Add([]byte("\x00\x00\x00\x01free\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x08moov"))
	f.Add([]byte("\x00\x00\x00\x00moov12345678"))
	f.Add(append([]byte{0x47}, bytes.Repeat([]byte{0x47}, 400)...))
	f.Add([]byte("YUV4MPEG2 "))
	f.Fuzz(func(t *testing.T, head []byte) {
		if source.Streamable(head) && len(head) < 4 {
			t.Errorf("%q", head)
		}
	})
}

// uploads is a store of what users sent, which reaches other buckets too.
type uploads struct {
	store.Store
	objects map[string]string
	buckets map[string]string
}

func (u uploads) List(_ context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		for key := range u.objects {
			if strings.HasPrefix(key, prefix) && !yield(store.Info{Key: key}, nil) {
				return
			}
		}
	}
}

func (u uploads) Get(_ context.Context, key string) (io.ReadCloser, store.Info, error) {
	return io.NopCloser(strings.NewReader(u.objects[key])), store.Info{Key: key}, nil
}

func (u uploads) GetFrom(_ context.Context, bucket, key string) (io.ReadCloser, error) {
	if text, ok := u.buckets[bucket+"/"+key]; ok {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	return nil, store.ErrNotFound
}

const y4m, avi = "YUV4MPEG2 W2 H2\nFRAME\n123456", "RIFF....AVI LIST"

func opener() *source.Opener {
	return &source.Opener{
		Store: uploads{
			objects: map[string]string{store.UploadKey("", "1", "a.y4m"): y4m, store.UploadKey("", "2", "b.avi"): avi, store.UploadKey("", "3", "c"): ""},
			buckets: map[string]string{"films/x/a.y4m": y4m},
		},
		LocalPaths: true,
	}
}

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d.mp4")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	withStdin := opener()
	withStdin.Stdin = strings.NewReader(y4m)
	for name, c := range map[string]struct {
		opener *source.Opener
		source string
		stream string // read on standard input
		file   string // fetched or local
	}{
		"upload":           {opener(), "upload:1", y4m, ""},
		"upload, to fetch": {opener(), "upload:2", "", avi},
		"s3":               {opener(), "s3://films/x/a.y4m", y4m, ""},
		"standard input":   {withStdin, "stdin:", y4m, ""},
		"path":             {opener(), file, "", "content"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := c.opener.Open(t.Context(), job.Job{Spec: job.Spec{Source: c.source, Name: "film.avi"}}, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if c.stream != "" {
				head := string(s.Head)
				all, err := io.ReadAll(s.Stream)
				if err != nil || string(all) != c.stream || head != c.stream || s.Input.Path != "" || s.Input.Name != "film.avi" {
					t.Errorf("%q behind head %q, %+v, %v", all, head, s.Input, err)
				}
				return
			}
			got, err := os.ReadFile(s.Input.Path)
			if err != nil || string(got) != c.file || s.Stream != nil {
				t.Errorf("%q, %v", got, err)
			}
			if c.source != file && (filepath.Dir(s.Input.Path) != dir || filepath.Ext(s.Input.Path) != ".avi") {
				t.Errorf("fetched to %s", s.Input.Path)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.mp4")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change       func(*source.Opener)
		source, slug string
	}{
		"no such upload":    {nil, "upload:9", "no-upload"},
		"empty upload":      {nil, "upload:3", "empty-source"},
		"no such object":    {nil, "s3://films/none", "no-object"},
		"no other buckets":  {func(o *source.Opener) { o.Store = nil }, "s3://films/x/a.y4m", "invalid-source"},
		"no standard input": {nil, "stdin:", "invalid-source"},
		"unknown scheme":    {nil, "ftp://a/b", "invalid-source"},
		"paths not allowed": {func(o *source.Opener) { o.LocalPaths = false }, empty, "invalid-source"},
		"path not there":    {nil, filepath.Join(dir, "nowhere"), "unreadable-source"},
		"path not readable": {nil, filepath.Join(empty, "below"), "unreadable-source"},
		"directory":         {nil, dir, "unreadable-source"},
		"empty file":        {nil, empty, "empty-source"},
	} {
		o := opener()
		if c.change != nil {
			c.change(o)
		}
		_, err := o.Open(t.Context(), job.Job{Spec: job.Spec{Source: c.source}}, dir)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Class != fault.User || e.Type != c.slug || e.Where == "" || e.Hint == "" {
			t.Errorf("%s: %v, want %s", name, err, c.slug)
		}
	}
}

func TestOpenTellsWhatFailed(t *testing.T) {
	broken := errors.New("connection reset by peer")
	o := opener()
	o.Stdin = io.MultiReader(strings.NewReader(y4m), iotest.ErrReader(broken))
	if _, err := o.Open(t.Context(), job.Job{Spec: job.Spec{Source: "stdin:"}}, t.TempDir()); !errors.Is(err, broken) || fault.Of(err) == fault.User {
		t.Errorf("%v", err)
	}
	long := io.MultiReader(strings.NewReader(avi+strings.Repeat("x", 9<<20)), iotest.ErrReader(broken))
	o.Stdin = long // it breaks while it is fetched
	if _, err := o.Open(t.Context(), job.Job{Spec: job.Spec{Source: "stdin:"}}, t.TempDir()); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	o.Stdin = strings.NewReader(avi)
	if _, err := o.Open(t.Context(), job.Job{Spec: job.Spec{Source: "stdin:"}}, filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("it was fetched into a directory that is not there")
	}
}
