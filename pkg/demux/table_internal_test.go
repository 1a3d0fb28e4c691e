package demux

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/reweave/reweave/pkg/fault"
)

func TestParseLine(t *testing.T) {
	for text, want := range map[string]line{
		"0,      -1024,          0,      512,     4456, 0x52973c2b":                       {0, 512, flagKey},
		"0,       -512,       2048,      512,      141, 0x1e8d3d57, F=0x0":                {2048, 512, 0},
		"0,       1024,      -1536,      512,       58, 0x1e8d3d57, F=0x5":                {-1536, 512, flagKey | flagDiscard},
		"0,       1024,       1536,      512,       58, 0x1e8d3d57, F=0x4, S=1,        4": {1536, 512, flagDiscard},
		"0, 95000000000, 95000003600,    0,     58, 0x1e8d3d57, S=2, 10, 0x1, 4, 0x2":     {95000003600, 0, flagKey},
		"0,          0,          1,   NOPTS,  58, 0x1e8d3d57, S=1, F=0x0":                 {1, 0, 0},
		"0,0,0,1,2,0x3": {0, 1, flagKey},
		"0,0, 9223372036854775807,1,2,0x3,   F=0xFFFF": {1<<63 - 1, 1, 0xFFFF},
	} {
		if got, err := parseLine(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestParseLineRefuses(t *testing.T) {
	for text, class := range map[string]fault.Class{
		"": fault.Internal, "0,1,2,3,4": fault.Internal, "0,0,x,1,2,0x3": fault.Internal,
		"0,0,0,1,2,0x3,F=": fault.Internal, "0,0,0,1,2,0x3,F=key": fault.Internal, "0,0,0,1,2,0x3,F=0x100000000": fault.Internal,
		"0,0,NOPTS,1,2,0x3":                fault.User,
		"0,0,-9223372036854775808,1,2,0x3": fault.User,
		"0,0,9223372036854775808,1,2,0x3":  fault.Internal,
	} {
		if got, err := parseLine(text); err == nil || fault.Of(err) != class {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("0,      -1024,          0,      512,     4456, 0x52973c2b")
	f.Add("0,       1024,      -1536,      512,       58, 0x1e8d3d57, F=0x5, S=1,        4")
	f.Add("0,0,NOPTS,1,2,0x3,F=")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLine(text)
		if err != nil {
			return
		}
		again, err := parseLine(fmt.Sprintf("0, 0, %d, %d, 1, 0x0, F=%#X", l.pts, l.duration, l.flags))
		if err != nil || again != l {
			t.Errorf("%q: %+v, written and read again %+v, %v", text, l, again, err)
		}
	})
}

func TestLookaheadHoldsWhatIsNotYetWanted(t *testing.T) {
	want := []byte(strings.Repeat("0123456789", 100_000))
	r, w := io.Pipe()
	l := newLookahead(r)
	if _, err := w.Write(want); err != nil { // nobody has read a byte of l
		t.Fatal(err)
	}
	w.CloseWithError(errors.New("broken pipe"))
	got, err := io.ReadAll(iotest.OneByteReader(l))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	l.drain()
}

func TestSigns(t *testing.T) {
	for text, want := range map[string]bool{
		"[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55] stream 0, offset 0x30: partial file":                               true,
		"[matroska,webm @ 0x55] File ended prematurely at pos. 1234 (0x4d2)":                                 true,
		"[NULL @ 0x55] Packet corrupt (stream = 0, dts = 12345), dropping it.":                               true,
		"[matroska @ 0x55] Non-monotonous DTS in output stream 0:0; previous: 6, current: 5; changing to 6.": true,
		"Non-monotonic DTS in output stream 1:0; previous: 6, current: 5":                                    true,
		"Non-monotonous DTS in output stream 2:0; previous: 6, current: 5":                                   false, // an audio track laid aside
		"[mpegts @ 0x55] start time for stream 1 is not set in estimate_timings_from_pts":                    false,
		"Guessed Channel Layout for Input Stream #0.1 : mono":                                                false,
		"file:/tmp/a.y4m: Error reading frame":                                                               true,
	} {
		if got := signs.MatchString(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
