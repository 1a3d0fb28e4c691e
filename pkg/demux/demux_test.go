package demux_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

func tool(t testing.TB) *ffmpeg.Tool {
	t.Helper()
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// open opens a file, or its bytes on standard input when stdin is not nil.
func open(ctx context.Context, t testing.TB, path string, stdin io.Reader, extracts ...demux.Extract) (*demux.Demuxer, error) {
	t.Helper()
	in := ffmpeg.Input{Path: path, Name: filepath.Base(path)}
	src, err := tool(t).Probe(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if stdin != nil {
		in.Path = ""
	}
	return demux.Open(ctx, tool(t), in, src, stdin, extracts)
}

// packet is a packet with a copy of its data.
type packet struct {
	demux.Packet
	data []byte
}

func all(d *demux.Demuxer) (out []packet, err error) {
	for {
		p, err := d.Next()
		if err != nil {
			return out, err
		}
		out = append(out, packet{p, bytes.Clone(p.Data)})
	}
}

var (
	film   = []string{"-f", "lavfi", "-i", mediatest.Video(1.6, "25")}
	closed = []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-bf", "3"}
	opened = []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-bf", "3", "-x264-params", "open-gop=1"}
)

func args(parts ...[]string) []string {
	var out []string
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// The packets are those that ffprobe lists, and their bytes those that ffmpeg copies.
func TestPacketsAreTheSources(t *testing.T) {
	cut := func(t *testing.T) string {
		whole := mediatest.Make(t, "whole.mp4", args(film, closed)...)
		return mediatest.Make(t, "edited.mp4", "-ss", "0.62", "-i", whole, "-c", "copy")
	}
	make := func(name string, a ...[]string) func(*testing.T) string {
		return func(t *testing.T) string { return mediatest.Make(t, name, args(append([][]string{film}, a...)...)...) }
	}
	for name, c := range map[string]struct {
		source        func(*testing.T) string
		stdin         bool
		leads, hidden bool // whether it has leading pictures, and discarded packets
		rewritten     bool // Matroska frames the packets anew, so their sizes differ
	}{
		"H.264 with an edit list": {source: cut, hidden: true},
		"H.264, open GOPs, mp4":   {source: make("a.mp4", opened), leads: true},
		"H.264, open GOPs, mkv":   {source: make("a.mkv", opened), leads: true},
		"H.264, open GOPs, ts":    {source: make("a.ts", opened), leads: true, rewritten: true},
		"H.264, ts, wrapped":      {source: make("a.ts", closed, []string{"-output_ts_offset", "95443"}), rewritten: true},
		"H.264, mkv, stdin":       {source: make("a.mkv", closed), stdin: true},
		"MPEG-2, ts, stdin":       {source: make("a.ts", []string{"-c:v", "mpeg2video", "-bf", "2", "-g", "12"}), stdin: true, leads: true},
		"y4m, stdin":              {source: make("a.y4m", []string{"-pix_fmt", "yuv420p", "-t", "0.4"}), stdin: true},
		"ProRes":                  {source: make("a.mov", []string{"-c:v", "prores_ks", "-profile:v", "0", "-t", "0.4"}), rewritten: true},
		"MPEG-4 in avi":           {source: make("a.avi", []string{"-c:v", "mpeg4", "-bf", "2"}), leads: true},
		"behind sound":            {source: make("a.mkv", []string{"-f", "lavfi", "-i", "sine=d=1", "-map", "1", "-map", "0", "-c:a", "aac"}, closed)},
	} {
		t.Run(name, func(t *testing.T) {
			mediatest.NoLeaks(t)
			path := c.source(t)
			var stdin io.Reader
			if c.stdin {
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				stdin = f
			}
			d, err := open(t.Context(), t, path, stdin)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			got, err := all(d)
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			leads, hidden := compare(t, got, path, c.rewritten)
			if (leads > 0) != c.leads || (hidden > 0) != c.hidden {
				t.Errorf("%d leading pictures, %d discarded packets: this source shows nothing", leads, hidden)
			}
			if d.TimeBase().Num < 1 || d.Track().CodecID == "" || d.CPUSeconds() <= 0 {
				t.Errorf("timebase %s, codec %q, %g s", d.TimeBase(), d.Track().CodecID, d.CPUSeconds())
			}
		})
	}
}

func compare(t *testing.T, got []packet, path string, rewritten bool) (leads, hidden int) {
	t.Helper()
	before := []string(nil)
	if filepath.Ext(path) == ".avi" {
		before = []string{"-fflags", "+genpts"}
	}
	want := mediatest.Packets(t, path, before...)
	coded := mediatest.Coded(t, path, before...)
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d", len(got), len(want))
	}
	var key int64
	for i, p := range got {
		w := want[i]
		if p.PTS != w.PTS || p.Key != w.Key() || p.Discard != w.Discard() || p.Duration != w.Duration {
			t.Fatalf("packet %d: %+v, want %+v", i, p.Packet.Packet, w)
		}
		sum := md5.Sum(p.data)
		if !rewritten && (strconv.Itoa(len(p.data)) != w.Size || hex.EncodeToString(sum[:]) != coded[i].Hash) {
			t.Fatalf("packet %d has other bytes: %d, want %s", i, len(p.data), w.Size)
		}
		if p.Key {
			key = p.PTS
			if !p.Clean || p.Hash == 0 {
				t.Errorf("packet %d: %+v", i, p.Packet.Packet)
			}
		} else if p.PTS < key && i > 0 {
			leads++
		}
		if p.Discard {
			hidden++
		}
	}
	return leads, hidden
}

// A keyframe that only begins a gradual refresh is not clean.
func TestIntraRefreshHasOneCleanKeyframe(t *testing.T) {
	path := mediatest.Make(t, "a.mp4", args(film, []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-x264-params", "intra-refresh=1"})...)
	d, err := open(t.Context(), t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	packets, err := all(d)
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	keys, clean := 0, 0
	for _, p := range packets {
		if p.Key {
			keys++
		}
		if p.Clean {
			clean++
		}
	}
	if keys < 2 || clean != 1 {
		t.Errorf("%d keyframes, %d of them clean", keys, clean)
	}
}

// Further streams are copied aside in the same pass.
func TestExtracts(t *testing.T) {
	mediatest.NoLeaks(t)
	path := mediatest.Make(t, "a.mkv", args(film, []string{"-f", "lavfi", "-i", "sine=d=1.6", "-c:a", "aac", "-metadata", "title=Film"}, closed)...)
	dir := t.TempDir()
	sound := demux.Extract{Path: demux.TempName(dir, "audio", 0, ".mp4"), Args: []string{"-map", "0:1", "-c", "copy"}}
	meta := demux.Extract{Path: demux.TempName(dir, "meta", 0, ".txt"), Args: []string{"-f", "ffmetadata"}}
	d, err := open(t.Context(), t, path, nil, sound, meta)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := all(d); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var got struct {
		Streams []struct {
			Codec string `json:"codec_name"`
		} `json:"streams"`
	}
	mediatest.Probe(t, sound.Path, &got, "-show_streams")
	if len(got.Streams) != 1 || got.Streams[0].Codec != "aac" {
		t.Errorf("%+v", got)
	}
	if text, err := os.ReadFile(meta.Path); err != nil || !bytes.Contains(text, []byte("title=Film")) {
		t.Errorf("%q, %v", text, err)
	}
}
