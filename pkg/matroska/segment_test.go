package matroska_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// laid is a packet of a test, and its bytes.
type laid struct {
	rank int
	key  bool
	data []byte
}

// lay puts the packets' bytes behind each other in one store, with gaps between them.
func lay(packets []laid) []matroska.Packet {
	var store []byte
	offs := make([]int64, len(packets))
	for i, p := range packets {
		store = append(store, 0xEE)
		offs[i] = int64(len(store))
		store = append(store, p.data...)
	}
	out := make([]matroska.Packet, len(packets))
	for i, p := range packets {
		out[i] = matroska.Packet{Rank: p.rank, Key: p.key, Data: bytes.NewReader(store), Off: offs[i], Size: int64(len(p.data))}
	}
	return out
}

func packets() *rapid.Generator[[]laid] {
	return rapid.Custom(func(t *rapid.T) []laid {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) laid {
			ranks := rapid.IntRange(0, 30)
			if rapid.IntRange(0, 9).Draw(t, "far") == 0 {
				ranks = rapid.IntRange(0, 1<<20)
			}
			return laid{
				rank: ranks.Draw(t, "rank"), key: rapid.Bool().Draw(t, "key"),
				data: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"),
			}
		}), 0, 40).Draw(t, "packets")
	})
}

func tracks() *rapid.Generator[matroska.Track] {
	return rapid.Custom(func(t *rapid.T) matroska.Track {
		body := rapid.SliceOfN(rapid.Byte(), 0, 40)
		return matroska.Track{
			CodecID: rapid.StringMatching(`V_[A-Z]{3,12}`).Draw(t, "codec"), Private: body.Draw(t, "private"),
			Video: body.Draw(t, "video"), Encodings: body.Draw(t, "encodings"),
		}
	})
}

func TestSegmentReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		track, want := tracks().Draw(t, "track"), packets().Draw(t, "packets")
		s := matroska.NewSegment(track, lay(want))
		file, err := io.ReadAll(s.Open())
		if err != nil || int64(len(file)) != s.Size() {
			t.Fatalf("%d bytes, size %d: %v", len(file), s.Size(), err)
		}
		r, err := matroska.NewReader(bytes.NewReader(file))
		if len(want) == 0 {
			if err == nil {
				t.Fatal("a segment without packets has a first cluster")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got := r.Track()
		if got.CodecID != track.CodecID || !bytes.Equal(got.Private, track.Private) ||
			!bytes.Equal(got.Video, track.Video) || !bytes.Equal(got.Encodings, track.Encodings) {
			t.Fatalf("track %+v, want %+v", got, track)
		}
		for i, p := range want {
			b, err := r.Next()
			if err != nil || b.Key != p.key || b.Time != int64(p.rank)*matroska.RankStep || !bytes.Equal(b.Data, p.data) {
				t.Fatalf("packet %d: %+v, %v, want %+v", i, b, err, p)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("behind the last packet: %v", err)
		}
	})
}

func TestReadAtEqualsSequentialRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := matroska.NewSegment(tracks().Draw(t, "track"), lay(packets().Draw(t, "packets")))
		file, err := io.ReadAll(iotest.OneByteReader(s.Open()))
		if err != nil || int64(len(file)) != s.Size() {
			t.Fatalf("%d bytes, size %d: %v", len(file), s.Size(), err)
		}
		for range 20 {
			off := rapid.Int64Range(0, s.Size()+3).Draw(t, "offset")
			b := make([]byte, rapid.IntRange(0, len(file)+3).Draw(t, "length"))
			n, err := s.ReadAt(b, off)
			want := file[min(int(off), len(file)):min(int(off)+len(b), len(file))]
			if !bytes.Equal(b[:n], want) || n < len(b) && !errors.Is(err, io.EOF) {
				t.Fatalf("%d bytes at %d: %d bytes, %v", len(b), off, n, err)
			}
		}
		if err := iotest.TestReader(s.Open(), file); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSourceThatFailsIsAnError(t *testing.T) {
	broken := errors.New("broken disk")
	for name, c := range map[string]struct {
		data io.ReaderAt
		want error
	}{
		"too short": {bytes.NewReader(make([]byte, 10)), io.ErrUnexpectedEOF},
		"broken":    {failing{broken}, broken},
	} {
		s := matroska.NewSegment(matroska.Track{CodecID: "V_X"}, []matroska.Packet{{Data: c.data, Size: 20}})
		if _, err := io.Copy(io.Discard, s.Open()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// A block's time is a signed distance of 16 bits from its cluster's: what is further away
// starts a cluster of its own.
func TestClustersKeepBlocksInReach(t *testing.T) {
	const cluster = "\x1F\x43\xB6\x75"
	for name, c := range map[string]struct {
		ranks []int
		want  int
	}{
		"near":             {[]int{0, 2, 1, 750}, 1},
		"one rank too far": {[]int{0, 751}, 2},
		"far back":         {[]int{2000, 1000}, 2},
		"there and back":   {[]int{0, 2000, 1, 2001}, 4},
		"an hour of film":  {rising(90_000), 120},
	} {
		want := make([]laid, len(c.ranks))
		for i, r := range c.ranks {
			want[i].rank = r
		}
		s := matroska.NewSegment(matroska.Track{CodecID: "V_X"}, lay(want))
		file, err := io.ReadAll(s.Open())
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(file, []byte(cluster)); n != c.want {
			t.Errorf("%s: %d clusters, want %d", name, n, c.want)
		}
		r, err := matroska.NewReader(bytes.NewReader(file))
		for i := 0; i < len(want) && err == nil; i++ {
			var b matroska.Block
			if b, err = r.Next(); b.Time != int64(want[i].rank)*matroska.RankStep {
				t.Fatalf("%s: packet %d at %d, want rank %d", name, i, b.Time, want[i].rank)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func rising(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// ffmpeg decodes a segment made of real packets to the same pictures, and gives each the
// time that its rank stands for.
func TestFFmpegReadsSegments(t *testing.T) {
	for name, args := range map[string][]string{
		"H.264 with B-frames": {"-c:v", "libx264", "-preset", "veryfast", "-bf", "3"},
		"HEVC":                {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"},
		"ProRes":              {"-c:v", "prores_ks", "-profile:v", "0"},
		"VP9":                 {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"},
		"FFV1":                {"-c:v", "ffv1", "-level", "3"},
	} {
		t.Run(name, func(t *testing.T) {
			source := mediatest.Make(t, "a.mkv", append([]string{"-f", "lavfi", "-i", mediatest.Video(1.2, "25")}, args...)...)
			f, err := os.Open(source)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r, err := matroska.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			var want []laid
			var times []int64
			for {
				b, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				want = append(want, laid{key: b.Key, data: bytes.Clone(b.Data)})
				times = append(times, b.Time)
			}
			order := slices.Sorted(slices.Values(times))
			for i := range want {
				want[i].rank = slices.Index(order, times[i])
			}
			out := filepath.Join(t.TempDir(), "segment.mkv")
			if err := write(out, matroska.NewSegment(r.Track(), lay(want))); err != nil {
				t.Fatal(err)
			}
			got := mediatest.Frames(t, out)
			if !slices.Equal(mediatest.Hashes(got), mediatest.Hashes(mediatest.Frames(t, source))) {
				t.Error("the frames differ from the source's")
			}
			for i, fr := range got {
				if fr.PTS != int64(i)*matroska.RankStep {
					t.Fatalf("frame %d at %d", i, fr.PTS)
				}
			}
		})
	}
}

func write(path string, s *matroska.Segment) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, s.Open())
	return errors.Join(err, f.Close())
}

// Several readers of one segment don't disturb each other.
func TestManyReadersAtOnce(t *testing.T) {
	want := make([]laid, 200)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range want {
		want[i] = laid{rank: i, data: make([]byte, r.IntN(500))}
	}
	s := matroska.NewSegment(matroska.Track{CodecID: "V_X"}, lay(want))
	file, err := io.ReadAll(s.Open())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	for range 4 {
		go func() { b, err := io.ReadAll(s.Open()); done <- err == nil && bytes.Equal(b, file) }()
	}
	for range 4 {
		if !<-done {
			t.Error("a reader got other bytes")
		}
	}
}
