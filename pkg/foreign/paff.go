package foreign

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/bits"

	"github.com/reweave/reweave/pkg/fault"
)

// asFrames refuses H.264 of which a picture is a single field (PAFF): x264 codes both fields
// of a frame together (MBAFF), and nothing else does here.
func (b *base) asFrames(sps *avc.SPS) error {
	if sps.FrameMbsOnlyFlag {
		return nil
	}
	for i := range b.samples {
		data, err := b.packet(i)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(nals(data), func(n []byte) bool { return singleField(n, sps) }) {
			return fault.Userf("unsupported-base", b.name, fmt.Sprintf("packet %d of its video holds fields that are coded as pictures of their own (PAFF), which no encoder here can make", i),
				"encode the whole film again")
		}
	}
	return nil
}

// singleField reads the beginning of a slice's header as far as field_pic_flag (ITU-T H.264,
// 7.3.3).
func singleField(nal []byte, sps *avc.SPS) bool {
	switch avc.GetNaluType(nal[0]) {
	case avc.NALU_NON_IDR, 2, avc.NALU_IDR: // 2 is the first part of a slice in parts
	default:
		return false
	}
	r := bits.NewEBSPReader(bytes.NewReader(nal[1:]))
	r.ReadExpGolomb() // first_mb_in_slice
	r.ReadExpGolomb() // slice_type
	r.ReadExpGolomb() // pic_parameter_set_id
	if sps.SeparateColourPlaneFlag {
		r.Read(2)
	}
	r.Read(int(sps.Log2MaxFrameNumMinus4) + 4)
	return r.ReadFlag() && r.AccError() == nil
}
