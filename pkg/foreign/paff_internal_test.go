package foreign

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/avc"
)

// Pictures that are single fields are refused; both fields in one are none. No encoder here
// makes the former: the slices' headers are made by hand.
func TestSingleFields(t *testing.T) {
	const (
		idr = "1 0001000 1 " // first_mb_in_slice 0, slice_type 7, pic_parameter_set_id 0
		p   = "1 00110 1 "   // slice_type 5
	)
	for name, c := range map[string]struct {
		progressive bool
		kind        byte
		bits        string
		refused     bool
	}{
		"IDR field":   {false, 0x65, idr + "000000 1 0 1", true},
		"field":       {false, 0x41, p + "000101 1 1 1", true},
		"both fields": {false, 0x65, idr + "000000 0 1 1", false},
		"no fields":   {true, 0x65, idr + "000000 1 0 1", false},
		"no slice":    {false, 0x06, idr + "000000 1 0 1", false},
		"cut off":     {false, 0x65, "1", false},
	} {
		nal := append([]byte{c.kind}, packed(c.bits)...)
		packet := append(binary.BigEndian.AppendUint32(nil, uint32(len(nal))), nal...)
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, packet, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b := &base{track: &track{name: "master.mp4", file: f, samples: []sample{{size: uint32(len(packet))}}}}
		err = b.asFrames(&avc.SPS{FrameMbsOnlyFlag: c.progressive, Log2MaxFrameNumMinus4: 2})
		b.close()
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "master.mp4: packet 0 of its video holds fields that are coded as pictures of their own (PAFF)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// packed makes bytes of bits.
func packed(text string) (out []byte) {
	text = strings.ReplaceAll(text, " ", "")
	for i := 0; i < len(text); i += 8 {
		var x byte
		for k := range 8 {
			if i+k < len(text) && text[i+k] == '1' {
				x |= 0x80 >> k
			}
		}
		out = append(out, x)
	}
	return out
}
