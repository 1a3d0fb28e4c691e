package foreign

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

// sparse writes a file and leaves holes where there would be nothing but zeros.
type sparse struct {
	file *os.File
	at   int64
}

var zeros [1 << 15]byte

func (s *sparse) Write(p []byte) (int, error) {
	if n := len(p); n > 4096 && bytes.Equal(p, zeros[:n]) {
		s.at += int64(n)
		return n, nil
	}
	n, err := s.file.WriteAt(p, s.at)
	s.at += int64(n)
	return n, err
}

// stretched makes a film of another one, with its media behind a hole, so that it has so
// many bytes or a little more. wide says that places have 64 bits.
func stretched(t *testing.T, path string, size int64, wide bool) string {
	t.Helper()
	m, err := openMovie(path, "film", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	l := newLayout(&base{track: &m.track, movie: m})
	l.stsd, l.wide = m.stsd, wide
	var media part
	for _, p := range m.parts {
		if p.kind == "mdat" {
			media = p
		}
	}
	hole := size - m.size
	moov, err := l.header(func(at int64) int64 { return at - media.off - media.head + 32 + hole })
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "big.mp4")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := []byte("\x00\x00\x00\x10ftypisom\x00\x00\x02\x00")
	if length := hole + media.size - media.head + 16; wide {
		head = binary.BigEndian.AppendUint64(append(head, "\x00\x00\x00\x01mdat"...), uint64(length))
	} else {
		head = append(head, "\x00\x00\x00\x08free"...)
		head = append(binary.BigEndian.AppendUint32(head, uint32(length-8)), "mdat"...)
	}
	rest := make([]byte, media.size-media.head)
	if _, err := m.file.ReadAt(rest, media.off+media.head); err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		b  []byte
		at int64
	}{{head, 0}, {append(rest, moov.append(nil)...), 32 + hole}} {
		if _, err := f.WriteAt(w.b, w.at); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Places that are told with 64 bits stay so.
func TestWidePlaces(t *testing.T) { patchStretched(t, 1<<20, true) }

// patchStretched patches a film that was stretched to a size.
func patchStretched(t *testing.T, size int64, wide bool) {
	t.Helper()
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	film := mediatest.Make(t, "film.mp4", "-f", "lavfi", "-i", "testsrc2=s=256x144:r=25:d=1", "-c:v", "libx264", "-preset", "veryfast", "-crf", "40", "-g", "5", "-pix_fmt", "yuv420p", "-bf", "2")
	// Noise, so that the new packets are larger.
	fix := mediatest.Make(t, "fix.mkv", "-f", "lavfi", "-i", "testsrc2=s=256x144:r=25:d=0.2,noise=alls=80:allf=t", "-c:v", "ffv1", "-pix_fmt", "yuv420p")
	path := stretched(t, film, size, wide)
	was := mediatest.Frames(t, path)
	opened, err := Open(t.Context(), tool, path, "film")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.mp4")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	s, err := opened.Patch(t.Context(), []Fix{{Frames: patch.Frames{From: 10, To: 15}, Path: fix, Name: "fix"}}, Options{}, t.TempDir(), &sparse{file: f})
	opened.Close()
	if err != nil || len(s.Regions) != 1 || s.Regions[0].Frames != (patch.Frames{From: 10, To: 15}) {
		t.Fatalf("%+v, %v", s, err)
	}
	if info, err := f.Stat(); err != nil || (info.Size() > math.MaxUint32) != (size > 1<<31) {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	is := mediatest.Frames(t, out)
	for i := range was {
		if inside := i >= 10 && i < 15; len(is) != len(was) || was[i].PTS != is[i].PTS || (was[i].Hash == is[i].Hash) == inside {
			t.Fatalf("frame %d of %d and %d", i, len(was), len(is))
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
