package split_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/reweave/reweave/pkg/split"
)

const avc = "V_MPEG4/ISO/AVC"

// avcC is the head of an avcC record whose lengths have this many bytes.
func avcC(width int) []byte { return []byte{1, 100, 0, 31, 0xFC | byte(width-1), 0xE1} }

// nals puts NAL units behind their lengths.
func nals(width int, units ...[]byte) []byte {
	var out []byte
	for _, u := range units {
		length := binary.BigEndian.AppendUint32(nil, uint32(len(u)))
		out = append(append(out, length[4-width:]...), u...)
	}
	return out
}

var (
	aud      = []byte{9, 0x10}
	sps      = []byte{0x67, 100, 0, 31}
	idr      = []byte{0x65, 0x88, 0x80, 0x40}
	slice    = []byte{0x41, 0x9A, 0x02, 0x05}
	atOnce   = sei(6, 0xC4)       // recovery_frame_cnt ue(0)
	later    = sei(6, 0x24, 0x40) // recovery_frame_cnt ue(8)
	settings = append(sei(5, make([]byte, 300)...), 0)
)

// sei returns an SEI unit of one message; the trailing bits are not part of the message.
func sei(kind byte, payload ...byte) []byte {
	return append(append([]byte{6}, message(kind, payload...)...), 0x80)
}

func message(kind byte, payload ...byte) []byte {
	out := []byte{kind}
	n := len(payload)
	for ; n >= 255; n -= 255 {
		out = append(out, 255)
	}
	return append(append(out, byte(n)), payload...)
}

func TestClean(t *testing.T) {
	timing := append([]byte{6}, append(message(1, 0x12, 0x34), append(message(6, 0xC4), 0x80)...)...)
	for name, c := range map[string]struct {
		codec   string
		private []byte
		data    []byte
		want    bool
	}{
		"IDR":                              {avc, avcC(4), nals(4, aud, sps, idr), true},
		"IDR, lengths of 2 bytes":          {avc, avcC(2), nals(2, aud, idr), true},
		"IDR, lengths of 1 byte":           {avc, avcC(1), nals(1, aud, idr), true},
		"IDR, no configuration":            {avc, nil, nals(4, idr), true},
		"IDR behind a long SEI":            {avc, avcC(4), nals(4, settings, idr), true},
		"open GOP":                         {avc, avcC(4), nals(4, aud, atOnce, slice), true},
		"gradual refresh":                  {avc, avcC(4), nals(4, aud, later, slice), false},
		"no recovery point":                {avc, avcC(4), nals(4, aud, slice), false},
		"recovery point behind settings":   {avc, avcC(4), nals(4, settings, atOnce, slice), true},
		"second message of one SEI":        {avc, avcC(4), nals(4, timing, slice), true},
		"second SEI":                       {avc, avcC(4), nals(4, sei(1, 0x12, 0x34), atOnce, slice), true},
		"message behind emulation bytes":   {avc, avcC(4), nals(4, emulated(), slice), true},
		"recovery point without payload":   {avc, avcC(4), nals(4, sei(6), slice), false},
		"message longer than its unit":     {avc, avcC(4), nals(4, []byte{6, 6, 200, 0xC4, 0x80}, slice), false},
		"sizes without an end":             {avc, avcC(4), nals(4, slices.Repeat([]byte{255}, 9), slice), false},
		"unit longer than the packet":      {avc, avcC(4), nals(4, aud, idr)[:9], false},
		"length with the highest bit":      {avc, avcC(4), []byte{0xFF, 0xFF, 0xFF, 0xFF, 0x65}, false},
		"unit of no bytes":                 {avc, avcC(4), nals(4, nil, idr), false},
		"empty":                            {avc, avcC(4), nil, false},
		"shorter than a length":            {avc, avcC(4), []byte{0, 0, 0}, false},
		"lengths read with the wrong size": {avc, avcC(4), nals(2, aud, idr), false},
		"another codec":                    {"V_MPEGH/ISO/HEVC", nil, []byte{1, 2, 3}, true},
		"another codec, empty":             {"V_PRORES", nil, nil, true},
	} {
		if got := split.Clean(c.codec, c.private, c.data); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// emulated is an SEI whose first message holds two zeros that the emulation prevention
// (ITU-T H.264, 7.4.1) parts from what follows: the size counts the bytes without it.
func emulated() []byte {
	body := append(message(5, 0, 0, 1, 9), message(6, 0xC4)...)
	return slices.Concat([]byte{6}, slices.Insert(body, 4, 3), []byte{0x80})
}

func FuzzClean(f *testing.F) {
	for _, data := range [][]byte{
		nals(4, aud, sps, idr), nals(4, aud, atOnce, slice), nals(4, aud, later, slice), nals(4, settings, atOnce),
		nals(2, idr), nals(1, emulated(), slice),
		{0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
		nil,
	} {
		f.Add(avcC(4), data)
		f.Add(avcC(1), data)
		f.Add([]byte(nil), data)
	}
	f.Fuzz(func(t *testing.T, private, data []byte) {
		clean := split.Clean(avc, private, data)
		if clean && !slices.ContainsFunc(data, func(b byte) bool { return b&0x1F == 5 || b&0x1F == 6 }) {
			t.Error("clean without an IDR slice or an SEI")
		}
		if clean != split.Clean(avc, private, slices.Clone(data)) {
			t.Error("not the same twice")
		}
	})
}
