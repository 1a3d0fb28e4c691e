package foreign

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/hevc"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/split"
)

// codec is what is known of a video codec.
type codec struct {
	// entry says what a sample that the file calls a sync sample is.
	entry func(t *track, data []byte) Entry
	// attempts are the ways to encode, the best one first.
	attempts func(b *base, o Options) ([]attempt, error)
	// fit compares the parameters of new packets with the film's, and says how the two
	// are joined, or what differs.
	fit func(b *base, made *movie, a attempt) (joint, error)
}

// joint is how new packets are joined with old ones.
type joint struct {
	// described is what the film's header says of its packets from now on, nil for what it
	// does.
	described *description
	// before stands before the new packets at which decoding can begin, after before the
	// old one with which the film goes on.
	before, after []byte
	// warning is what a user must know of it.
	warning string
}

// codecs are those that can be patched, by ffmpeg's names for them.
var codecs = map[string]codec{
	"h264":       {entry: h264Entry, attempts: h264Attempts, fit: h264Fit},
	"hevc":       {entry: hevcEntry, attempts: hevcAttempts, fit: hevcFit},
	"av1":        {entry: av1Entry, attempts: av1Attempts, fit: av1Fit},
	"vp9":        {entry: always, attempts: vp9Attempts, fit: vp9Fit},
	"prores":     {entry: always, attempts: proresAttempts, fit: frameFit},
	"dnxhd":      {entry: always, attempts: dnxhrAttempts, fit: frameFit},
	"mjpeg":      {entry: always, attempts: mjpegAttempts, fit: frameFit},
	"ffv1":       {entry: always, attempts: ffv1Attempts, fit: sameConfig},
	"mpeg2video": {entry: mpeg2Entry, attempts: mpeg2Attempts, fit: frameFit},
}

func always(*track, []byte) Entry { return Change }

// h264Entry takes IDR pictures for a change of packets (ITU-T H.264, 7.4.1.2.4). Others
// at which decoding can begin refer to what was decoded before, by their frame numbers.
func h264Entry(m *track, data []byte) Entry {
	for _, n := range nals(data) {
		if avc.GetNaluType(n[0]) == avc.NALU_IDR {
			return Change
		}
	}
	if split.Clean("V_MPEG4/ISO/AVC", m.config("avcC"), data) {
		return Begin
	}
	return None
}

// hevcEntry takes all intra random access points (ITU-T H.265, 7.4.2.2) for a change:
// CRA pictures are made BLA pictures.
func hevcEntry(_ *track, data []byte) Entry {
	for _, n := range nals(data) {
		if t := hevc.GetNaluType(n[0]); hevc.IsVideoNaluType(t) {
			if t >= hevc.NALU_BLA_W_LP && t <= hevc.NALU_CRA {
				return Change
			}
			return None
		}
	}
	return None
}

// nals parts a packet at its NAL units, which have lengths of four bytes; what is broken
// is left out.
func nals(data []byte) (out [][]byte) {
	for len(data) > 4 {
		n := int(binary.BigEndian.Uint32(data))
		if n <= 0 || n > len(data)-4 {
			return out
		}
		out, data = append(out, data[4:4+n]), data[4+n:]
	}
	return out
}

// av1Entry wants a sequence header (AV1, 5.5) in the packet, so that decoding can go on
// there whatever came before.
func av1Entry(_ *track, data []byte) Entry {
	for len(data) > 1 {
		kind := data[0] >> 3 & 15
		if kind == 1 {
			return Change
		}
		head := 1 + int(data[0]>>2&1)
		if data[0]&2 == 0 || head >= len(data) {
			return None
		}
		size, n := binary.Uvarint(data[head:]) // LEB128
		if n <= 0 || size > uint64(len(data)-head-n) {
			return None
		}
		data = data[head+n+int(size):]
	}
	return None
}

// mpeg2Entry wants a sequence header before the picture, and a closed group of pictures
// for a change (ISO/IEC 13818-2, 6.3.8).
func mpeg2Entry(_ *track, data []byte) Entry {
	if !bytes.HasPrefix(data, []byte{0, 0, 1, 0xB3}) {
		return None
	}
	i := bytes.Index(data, []byte{0, 0, 1, 0xB8})
	if i < 0 || i+8 > len(data) {
		return Begin
	}
	if data[i+7]&0x40 != 0 { // closed_gop
		return Change
	}
	return Begin
}

// differs is the error for parameters that can't be joined.
func differs(b *base, what, hint string) error {
	return fault.Userf("parameters-differ", b.name, "new packets don't fit: "+what, hint)
}

const otherHint = "encode the range with the encoder that made the film, or the whole film again"

// frameFit is for codecs whose packets hold all their parameters.
func frameFit(b *base, made *movie, _ attempt) (joint, error) {
	if b.entry != made.entry && b.film.Source.Video.Codec != "mjpeg" && b.film.Source.Video.Codec != "mpeg2video" {
		return joint{}, differs(b, fmt.Sprintf("they are %q where the film is %q", made.entry, b.entry), otherHint)
	}
	return joint{}, nil
}

// sameConfig wants equal parameters, where QuickTime has those of codecs without a box of
// their own.
func sameConfig(b *base, made *movie, _ attempt) (joint, error) {
	const kind = "glbl"
	old, got := b.config(kind), made.config(kind)
	if !bytes.Equal(old, got) {
		return joint{}, differs(b, kind+" differs: "+difference(old, got), otherHint)
	}
	return joint{}, nil
}

// difference says where two configurations part.
func difference(a, b []byte) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d bytes instead of %d", len(b), len(a))
	}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprintf("byte %d is %#02x instead of %#02x", i, b[i], a[i])
		}
	}
	return "not at all"
}

// choose returns the first attempt whose parameters fit.
func (b *base) choose(ctx context.Context, run *run) (attempt, error) {
	attempts, err := run.codec.attempts(b, run.o)
	if err != nil {
		return attempt{}, err
	}
	var first error
	for i, a := range attempts {
		made, err := b.trial(ctx, run.tool, a, run.temp("trial"+strconv.Itoa(i)))
		if err == nil {
			_, err = run.codec.fit(b, made, a)
			made.close()
		}
		if err == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return a, err
		}
		better := fault.Of(first) != fault.User || run.o.Parameters != "same" && a.way == run.o.Parameters // the last resort, not the hint at it
		if first == nil || better && fault.Of(err) == fault.User {
			first = err
		}
	}
	return attempt{}, first
}
