package job_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
)

var fleet = map[string][]string{
	"libx264":   {"ultrafast", "medium"},
	"libx265":   {"medium"},
	"libsvtav1": {"8", "12"},
	"librav1e":  {"6", "10"},
	"aac":       nil,
	"libopus":   nil,
}

const source = "s3://films/a.mov"

func n(v int) *int { return &v }

func video(change func(*recipe.Settings)) job.Spec {
	s := job.Spec{Source: source}
	change(&s.Video)
	return s
}

func TestDefaults(t *testing.T) {
	for codec, want := range map[string]struct {
		preset  string
		crf, qp *int
	}{
		"":          {"medium", n(23), nil},
		"libx264":   {"medium", n(23), nil},
		"libx265":   {"medium", n(28), nil},
		"libsvtav1": {"8", n(35), nil},
		"librav1e":  {"6", nil, n(100)},
	} {
		s := video(func(v *recipe.Settings) { v.Codec = codec }).WithDefaults()
		same := func(a, b *int) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
		if v := s.Video; v.Preset != want.preset || !same(v.CRF, want.crf) || !same(v.QP, want.qp) || v.Keyint != 250 {
			t.Errorf("%q: defaults %+v", codec, v)
		}
		if s.Container != "mp4" || s.Audio != "copy" || s.Subtitles != "copy" || s.Class != job.Normal ||
			s.ChunkMin != 2 || s.ChunkMax != 6 || s.Name != "a.mov" {
			t.Errorf("%q: defaults %+v", codec, s)
		}
		if err := s.Validate(fleet); err != nil {
			t.Errorf("%q: the defaults are refused: %v", codec, err)
		}
	}
}

func TestDefaultsKeepWhatWasAsked(t *testing.T) {
	in := job.Spec{
		Source: source, Name: "b", Container: "mkv", Audio: "none", Subtitles: "none", ChunkMin: 0.5, ChunkMax: 1, Class: job.Low,
		Video: recipe.Settings{Codec: "libx265", Preset: "fast", QP: n(0), Keyint: 48, MinKeyint: 2, PixFmt: "yuv420p"},
	}
	if out := in.WithDefaults(); !reflect.DeepEqual(out, in) {
		t.Errorf("got %+v, want %+v", out, in)
	}
}

func TestDefaultsDoNotContradictWhatWasAsked(t *testing.T) {
	if s := (job.Spec{ChunkMin: 30}).WithDefaults(); s.ChunkMax != 30 {
		t.Errorf("chunk_max %g beside chunk_min 30", s.ChunkMax)
	}
	if s := (job.Spec{ChunkMax: 1}).WithDefaults(); s.ChunkMin != 1 {
		t.Errorf("chunk_min %g beside chunk_max 1", s.ChunkMin)
	}
	if s := (job.Spec{Container: "ivf"}).WithDefaults(); s.Audio != "none" || s.Subtitles != "none" {
		t.Errorf("ivf with audio %q and subtitles %q", s.Audio, s.Subtitles)
	}
	qp := video(func(v *recipe.Settings) { v.QP = n(0) }).WithDefaults()
	if qp.Video.CRF != nil {
		t.Error("a default crf beside a qp that was asked for")
	}
}

// TestMistakes is the table of what a user can get wrong, with what they are told.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		spec job.Spec
		slug string
		says []string
	}{
		"no source":          {job.Spec{}, "invalid-source", []string{"source", "upload:ID"}},
		"unknown scheme":     {job.Spec{Source: "ftp://h/a"}, "invalid-source", []string{"ftp://h/a"}},
		"malformed upload":   {job.Spec{Source: "upload:../x"}, "invalid-source", []string{"POST /v1/uploads"}},
		"bucket alone":       {job.Spec{Source: "s3://films"}, "invalid-source", []string{"s3://bucket/key"}},
		"no host":            {job.Spec{Source: "https:///a"}, "invalid-source", []string{"https://host/path"}},
		"plain http":         {job.Spec{Source: "http://h/a"}, "invalid-source", []string{"https://"}},
		"local path":         {job.Spec{Source: "/etc/passwd"}, "invalid-source", []string{"/etc/passwd", "upload the file"}},
		"codec":              {video(func(v *recipe.Settings) { v.Codec = "h264" }), "unsupported-codec", []string{"video.codec", `"h264"`, "libx264, libx265, libsvtav1, librav1e"}},
		"preset":             {video(func(v *recipe.Settings) { v.Preset = "fastest" }), "unsupported-preset", []string{"video.preset", "libx264", `"fastest"`, "ultrafast, medium"}},
		"another's preset":   {video(func(v *recipe.Settings) { v.Codec, v.Preset = "libsvtav1", "medium" }), "unsupported-preset", []string{"8, 12"}},
		"option as preset":   {video(func(v *recipe.Settings) { v.Preset = "a b" }), "unsupported-preset", nil},
		"pixel format":       {video(func(v *recipe.Settings) { v.PixFmt = "yuv420p,hflip" }), "unsupported-pix-fmt", []string{"yuv420p10le"}},
		"crf and qp":         {video(func(v *recipe.Settings) { v.CRF, v.QP = n(20), n(20) }), "invalid-quality", []string{"exclude each other"}},
		"x264 crf":           {video(func(v *recipe.Settings) { v.CRF = n(52) }), "invalid-quality", []string{"crf 52", "0 to 51"}},
		"x265 crf":           {video(func(v *recipe.Settings) { v.Codec, v.CRF = "libx265", n(52) }), "invalid-quality", []string{"0 to 51"}},
		"svtav1 crf":         {video(func(v *recipe.Settings) { v.Codec, v.CRF = "libsvtav1", n(64) }), "invalid-quality", []string{"0 to 63"}},
		"svtav1 qp":          {video(func(v *recipe.Settings) { v.Codec, v.QP = "libsvtav1", n(64) }), "invalid-quality", []string{"0 to 63"}},
		"rav1e qp":           {video(func(v *recipe.Settings) { v.Codec, v.QP = "librav1e", n(256) }), "invalid-quality", []string{"0 to 255"}},
		"rav1e crf":          {video(func(v *recipe.Settings) { v.Codec, v.CRF = "librav1e", n(20) }), "invalid-quality", []string{"librav1e has no crf", "use qp"}},
		"negative qp":        {video(func(v *recipe.Settings) { v.QP = n(-1) }), "invalid-quality", []string{"qp -1"}},
		"min_keyint":         {video(func(v *recipe.Settings) { v.Codec, v.Keyint, v.MinKeyint = "librav1e", 24, 25 }), "invalid-keyint", []string{"min_keyint 25", "keyint 24"}},
		"half of keyint":     {video(func(v *recipe.Settings) { v.Keyint, v.MinKeyint = 24, 14 }), "invalid-keyint", []string{"13, not 14"}},
		"negative keyint":    {video(func(v *recipe.Settings) { v.Keyint = -1 }), "invalid-keyint", nil},
		"container":          {job.Spec{Source: source, Container: "avi"}, "unsupported-container", []string{`"avi"`, "mp4, mov, mkv, ivf"}},
		"ivf with H.264":     {job.Spec{Source: source, Container: "ivf"}, "unsupported-container", []string{"AV1", "libx264"}},
		"ivf with audio":     {job.Spec{Source: source, Container: "ivf", Audio: "aac", Video: recipe.Settings{Codec: "librav1e"}}, "unsupported-audio", []string{"audio: none"}},
		"ivf with subtitles": {job.Spec{Source: source, Container: "ivf", Subtitles: "copy", Video: recipe.Settings{Codec: "librav1e"}}, "unsupported-subtitles", []string{"subtitles: none"}},
		"mov with opus":      {job.Spec{Source: source, Container: "mov", Audio: "libopus"}, "unsupported-audio", []string{"mov", "aac"}},
		"audio":              {job.Spec{Source: source, Audio: "mp3"}, "unsupported-audio", []string{`"mp3"`, "copy, aac, libopus, none"}},
		"subtitles":          {job.Spec{Source: source, Subtitles: "burn"}, "unsupported-subtitles", []string{`"burn"`}},
		"chunk_min":          {job.Spec{Source: source, ChunkMin: 0.05}, "invalid-chunk-length", []string{"chunk_min", "0.1 s"}},
		"chunk_max":          {job.Spec{Source: source, ChunkMin: 5, ChunkMax: 4}, "invalid-chunk-length", []string{"chunk_max 4 s", "chunk_min 5 s"}},
		"class":              {job.Spec{Source: source, Class: "urgent"}, "invalid-class", []string{`"urgent"`, "high, normal or low"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.spec.WithDefaults().Validate(fleet)
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || e.Class != fault.User || e.Type != c.slug || e.Hint == "" || e.Where == "" {
				t.Fatalf("got %#v, want one user's mistake of type %s with a place and a hint", err, c.slug)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	s := job.Spec{Source: "gopher://x", Container: "avi", Audio: "mp3", ChunkMin: 0.01, Video: recipe.Settings{Codec: "xvid", Keyint: -2}}
	err := s.WithDefaults().Validate(fleet)
	issues, ok := errors.AsType[job.Issues](err)
	if !ok || fault.ProblemOf(err).Slug() != "invalid-spec" || fault.Of(err) != fault.User {
		t.Fatalf("got %#v, want a list", err)
	}
	fields := make([]string, len(issues))
	for i, is := range issues {
		fields[i] = is.Field
		if !strings.Contains(err.Error(), is.Title) {
			t.Errorf("%q does not say %q", err, is.Title)
		}
	}
	if got, want := strings.Join(fields, " "), "source container video.codec video.keyint audio chunk_min"; got != want {
		t.Errorf("fields %s, want %s", got, want)
	}
}

func TestSources(t *testing.T) {
	const id = "01KAGZ5V0V3M1QJ8W9E2R4T6Y7"
	for src, also := range map[string][]job.SourceKind{
		"upload:" + id: nil, source: nil, "https://h/a?b=c": nil,
		"http://h/a": {job.PlainHTTP}, "/a:b/c.mov": {job.LocalPath},
	} {
		if err := (job.Spec{Source: src}).WithDefaults().Validate(nil, also...); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
	if err := (job.Spec{Source: "a.mov"}).WithDefaults().Validate(nil, job.LocalPath); err == nil || !strings.Contains(err.Error(), "not absolute") {
		t.Errorf("relative path: %v", err)
	}
	if got, ok := (job.Spec{Source: "upload:" + id}).UploadID(); !ok || got != id {
		t.Errorf("upload id %q", got)
	}
	if (job.Spec{Source: "upload:" + id}).WithDefaults().Name != "" {
		t.Error("an upload's id became a name")
	}
}

func TestAvailability(t *testing.T) {
	av1 := video(func(v *recipe.Settings) { v.Codec = "libsvtav1" }).WithDefaults()
	err := av1.Validate(map[string][]string{"libx264": {"medium"}, "aac": nil})
	if err == nil || !strings.Contains(err.Error(), "no worker's ffmpeg has libsvtav1") || !strings.Contains(err.Error(), "use libx264") {
		t.Errorf("a codec nobody has: %v", err)
	}
	if err := av1.Validate(nil); err != nil {
		t.Errorf("no worker was ever seen: %v", err)
	}
	opus := job.Spec{Source: source, Audio: "libopus"}.WithDefaults()
	if err := opus.Validate(map[string][]string{"libx264": {"medium"}}); err == nil || !strings.Contains(err.Error(), "libopus") {
		t.Errorf("an audio codec nobody has: %v", err)
	}
	if err := (job.Spec{Source: source}).WithDefaults().Validate(map[string][]string{"libx264": nil}); err != nil {
		t.Errorf("an encoder that tells no presets takes any: %v", err)
	}
}

func TestKeepIsChecked(t *testing.T) {
	base := strings.Repeat("0a", 32)
	for says, k := range map[string]*job.Keep{
		"":                                       {Base: base, Frames: 30, Runs: []job.KeepRun{{Old: 0, New: 5, Frames: 10}, {Old: 20, New: 15, Frames: 15}}},
		"keep.base: it is no digest":             {Base: "../" + base[3:], Frames: 30},
		"keep.runs[0]: it has no frames":         {Base: base, Frames: 30, Runs: []job.KeepRun{{Old: 0, New: 0}}},
		"keep.runs[1]: it begins before the one": {Base: base, Frames: 30, Runs: []job.KeepRun{{Old: 0, New: 0, Frames: 10}, {Old: 9, New: 10, Frames: 1}}},
		"keep.runs[0]: it ends behind the 30":    {Base: base, Frames: 30, Runs: []job.KeepRun{{Old: 0, New: 21, Frames: 10}}},
	} {
		s := job.Spec{Source: source, Keep: k}.WithDefaults()
		if err := s.Validate(fleet); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", k, err, says)
		}
		for same, good := range map[job.Same]bool{{Base: k.Base, Depth: job.Pixels}: true, {Base: k.Base, Depth: job.Auto}: false, {Base: strings.Repeat("0b", 32), Depth: job.Pixels}: false} {
			s.Same = &same
			if err := s.Validate(fleet); (err == nil || !strings.Contains(err.Error(), "same verifies what is kept")) != good {
				t.Errorf("with %+v: %v", same, err)
			}
		}
		s.Same = nil
		s.Edits = []job.Edit{{From: 0, To: 1, Source: source}}
		if err := s.Validate(fleet); err == nil || !strings.Contains(err.Error(), "edits and keep exclude each other") {
			t.Errorf("with edits: %v", err)
		}
		if s.WithoutSource().Keep != nil {
			t.Error("what is kept is no setting of a deliverable")
		}
	}
}
