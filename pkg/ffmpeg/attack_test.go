package ffmpeg_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// Sources that are media, and name something else inside.

// run runs the plain ffmpeg, as somebody without Reweave would.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-v", "error"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	if err != nil {
		t.Logf("ffmpeg %v: %v: %s", args, err, log.String())
	}
	return out.String(), err
}

func made(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if _, err := run(t, append(args, "-fflags", "+bitexact", "-y", path)...); err != nil {
		t.Fatal(err)
	}
	return path
}

// referring makes of a QuickTime film one whose pictures lie in another file: its data
// reference becomes an alias record with an absolute path (QuickTime File Format, dref).
func referring(t *testing.T, film, to string) string {
	t.Helper()
	b, err := os.ReadFile(film)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.ReplaceAll(to, "/", ":")
	if len(path)%2 == 1 {
		path += "\x00"
	}
	alias := binary.BigEndian.AppendUint32(nil, 0)             // version and flags: not in this file
	alias = append(alias, make([]byte, 10+1+27+12+1+63+16)...) // no volume, no name
	alias = append(alias, 0, 0, 0, 0)                          // no levels up and down: the absolute path it is
	alias = append(alias, make([]byte, 16)...)
	alias = append(alias, 0, 2)
	alias = binary.BigEndian.AppendUint16(alias, uint16(len(path)))
	alias = append(append(alias, path...), 0xff, 0xff, 0, 0)
	entry := append(binary.BigEndian.AppendUint32(nil, uint32(len(alias)+8)), "alis"...)
	entry = append(entry, alias...)
	dref := append(binary.BigEndian.AppendUint32(nil, uint32(len(entry)+16)), "dref\x00\x00\x00\x00\x00\x00\x00\x01"...)
	out, n := replaceBox(b, []string{"moov", "trak", "mdia", "minf", "dinf", "dref"}, append(dref, entry...))
	if n != 1 {
		t.Fatalf("%d data references", n)
	}
	name := filepath.Join(t.TempDir(), "refers.mov")
	if err := os.WriteFile(name, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// replaceBox puts a box in the place of those at a path, and mends the sizes around it.
func replaceBox(b []byte, at []string, box []byte) (out []byte, n int) {
	for len(b) >= 8 {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			break
		}
		switch {
		case string(b[4:8]) != at[0]:
			out = append(out, b[:size]...)
		case len(at) == 1:
			out, n = append(out, box...), n+1
		default:
			inner, k := replaceBox(b[8:size], at[1:], box)
			out = binary.BigEndian.AppendUint32(out, uint32(len(inner)+8))
			out, n = append(append(out, b[4:8]...), inner...), n+k
		}
		b = b[size:]
	}
	return append(out, b...), n
}

// A film may say that its pictures lie in another file. The plain ffmpeg believes it when it
// is told to, and so it is a real way to a file; here nothing of that file comes out.
func TestDataReferencesGetNothing(t *testing.T) {
	tool, s := find(t), newSecret(t)
	evil := referring(t, made(t, "film.mov", "-f", "lavfi", "-i", "color=black:s=16x16:r=25:d=0.2", "-c:v", "rawvideo", "-pix_fmt", "rgb24"), s.path)
	decode := []string{"-i", evil, "-f", "rawvideo", "pipe:1"}
	if out, err := run(t, append([]string{"-enable_drefs", "1", "-use_absolute_path", "1"}, decode...)...); err != nil || !strings.Contains(out, "SSSS") {
		t.Fatalf("the film does not refer to the file: %v", err)
	}
	var out bytes.Buffer
	cmd := tool.Command(t.Context(), append(ffmpeg.Input{Path: evil}.Args("mov"), "-f", "rawvideo", "pipe:1")...)
	cmd.Reads(evil)
	cmd.Stdout(&out)
	_ = cmd.Run(t.Context()) // it may end well or not: what it wrote counts
	if strings.Contains(out.String(), "SSSS") {
		t.Error("the file was read")
	}
	if box := tool.Sandbox(); box.Files != "" {
		out.Reset()
		cmd := tool.Command(t.Context(), append([]string{"-enable_drefs", "1", "-use_absolute_path", "1"}, decode...)...)
		cmd.Reads(evil)
		cmd.Stdout(&out)
		_ = cmd.Run(t.Context())
		if strings.Contains(out.String(), "SSSS") {
			t.Error("the file was read where the option is given: the sandbox does not hold by itself")
		}
	}
}

// The subtitles of an AVI may be a file of their own (GAB2), which old versions of ffmpeg
// opened as whatever it was, playlists included.
func TestSubtitlesInAVIGetNothing(t *testing.T) {
	tool, s := find(t), newSecret(t)
	whole := made(t, "film.avi", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.2", "-f", "lavfi", "-i", "color=black:s=64x64:r=25:d=0.2",
		"-map", "0", "-map", "1", "-c:v", "rawvideo", "-pix_fmt", "gray")
	all := playlists(s)
	for _, name := range []string{"hls with a file", "hls with a url", "concat", "concat with a url"} {
		list := all[name]
		b, err := os.ReadFile(whole)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "film.avi")
		at := bytes.LastIndex(b[:bytes.Index(b, []byte("movi"))], []byte("vids")) // strh of the second stream
		copy(b[at:], "txts")
		first := bytes.Index(b, []byte("01d")) // its first packet
		if at < 0 || first < 0 {
			t.Fatal("this AVI has another form")
		}
		gab := append([]byte("GAB2\x00"), 2, 0, 0, 0, 0, 0, 4, 0)
		gab = append(binary.LittleEndian.AppendUint32(gab, uint32(len(list))), list...)
		copy(b[first+8:], gab)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		src, perr := tool.Probe(t.Context(), ffmpeg.Input{Path: path, Name: "film.avi"}, nil)
		var out bytes.Buffer
		cmd := tool.Command(t.Context(), append(ffmpeg.Input{Path: path}.Args("avi"), "-map", "0", "-c:v", "copy", "-c:s", "ass", "-f", "matroska", "pipe:1")...)
		cmd.Reads(path)
		cmd.Stdout(&out)
		_ = cmd.Run(t.Context()) // what it wrote counts
		if perr == nil && src.Video.Picture.Width != 64 {
			t.Errorf("%s: the video itself was not found: %+v", name, src.Video)
		}
		nothing(t, name, s, out.String())
	}
}

// A name is a name: a pattern or a protocol in it means nothing.
func TestNamesAreNoPatterns(t *testing.T) {
	tool, s := find(t), newSecret(t)
	dir := t.TempDir()
	image, err := os.ReadFile(made(t, "a.jpg", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.04"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"film1.jpg", "film2.jpg"} {
		if err := os.WriteFile(filepath.Join(dir, name), image, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		filepath.Join(dir, "film%d.jpg"), filepath.Join(dir, "film*.jpg"), "concat:" + s.path, "subfile,,start,0,end,64,,:" + s.path,
		"/dev/fd/0", s.url + "/x.y4m", "cache:" + s.path, "async:" + s.path, "lavfi:testsrc", "tee:" + s.path,
	} {
		src, err := tool.Probe(t.Context(), ffmpeg.Input{Path: path, Name: "film"}, []byte(s.frames[:20]))
		if err == nil {
			t.Errorf("%s is opened: %+v", path, src)
			continue
		}
		nothing(t, path, s, err.Error())
	}
}
