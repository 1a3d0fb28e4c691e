package foreign

import (
	"fmt"
	"strconv"

	"github.com/reweave/reweave/pkg/fault"
)

func av1Attempts(b *base, o Options) ([]attempt, error) {
	args := []string{"-c:v", "libsvtav1", "-preset", or(o.Preset, "6"), "-crf", or(o.CRF, "20"), "-svtav1-params", "irefresh-type=2"}
	if b.intra() {
		args = append(args, "-g", "1")
	}
	return []attempt{{args, "frames"}}, nil
}

// av1Fit compares what the configuration (AV1 in ISOBMFF, 2.3.3) says of all sequence
// headers: profile and shape of the pictures must be equal, the level not above.
func av1Fit(b *base, made *movie, _ attempt) (joint, error) {
	old, got := b.config("av1C"), made.config("av1C")
	if len(old) < 4 || len(got) < 4 {
		return joint{}, differs(b, "av1C is too short", otherHint)
	}
	switch {
	case old[1]>>5 != got[1]>>5:
		return joint{}, differs(b, fmt.Sprintf("the profile is %d instead of %d", got[1]>>5, old[1]>>5), otherHint)
	case old[1]&31 < got[1]&31:
		return joint{}, differs(b, fmt.Sprintf("the level is %d, above %d", got[1]&31, old[1]&31), otherHint)
	case old[2]>>7 < got[2]>>7:
		return joint{}, differs(b, "the tier is the high one", otherHint)
	case old[2]&0x7C != got[2]&0x7C: // bit depth, monochrome, subsampling; without the position of chroma
		return joint{}, differs(b, fmt.Sprintf("the kind of samples is %#02x instead of %#02x", got[2]&0x7C, old[2]&0x7C), otherHint)
	}
	return joint{}, nil
}

func vp9Attempts(b *base, o Options) ([]attempt, error) {
	args := []string{"-c:v", "libvpx-vp9", "-b:v", "0", "-crf", or(o.CRF, "16"), "-cpu-used", or(o.Preset, "2"), "-row-mt", "1"}
	if b.intra() {
		args = append(args, "-g", "1")
	}
	return []attempt{{args, "frames"}}, nil
}

// vp9Fit compares profile, bit depth and subsampling (VP codec ISO media binding, vpcC).
// Matroska needs no such record; there the first frames' headers tell the profile, and
// that the fix has the film's pixel format the rest.
func vp9Fit(b *base, made *movie, _ attempt) (joint, error) {
	old, got := b.config("vpcC"), made.config("vpcC")
	if b.mkv != nil {
		return vp9Profiles(b, made)
	}
	if len(old) < 7 || len(got) < 7 {
		return joint{}, differs(b, "vpcC is too short", otherHint)
	}
	switch {
	case old[4] != got[4]:
		return joint{}, differs(b, fmt.Sprintf("the profile is %d instead of %d", got[4], old[4]), otherHint)
	case old[6]>>4 != got[6]>>4:
		return joint{}, differs(b, fmt.Sprintf("the bit depth is %d instead of %d", got[6]>>4, old[6]>>4), otherHint)
	case old[6]>>1&7>>1 != got[6]>>1&7>>1:
		return joint{}, differs(b, "the subsampling of chroma is another one", otherHint)
	}
	return joint{}, nil
}

// vp9Profiles compares the profiles in the headers of the first frames (VP9, 6.2).
func vp9Profiles(b *base, made *movie) (joint, error) {
	var profiles [2]byte
	for i, t := range []*track{b.track, &made.track} {
		data, err := t.packet(0)
		if err != nil {
			return joint{}, err
		}
		if len(data) == 0 || data[0]>>6 != 2 {
			return joint{}, fault.Userf("damaged-base", t.name, "its first frame is no frame of VP9", "get a whole copy")
		}
		profiles[i] = data[0]>>5&1 | data[0]>>3&2
	}
	if profiles[0] != profiles[1] {
		return joint{}, differs(b, fmt.Sprintf("the profile is %d instead of %d", profiles[1], profiles[0]), otherHint)
	}
	return joint{}, nil
}

func mpeg2Attempts(b *base, o Options) ([]attempt, error) {
	args := []string{"-c:v", "mpeg2video", "-qscale:v", or(o.CRF, "2"), "-flags", "+cgop", "-sc_threshold", "1000000000"}
	switch {
	case b.intra():
		args = append(args, "-g", "1")
	case reordering(b.samples) > 0:
		args = append(args, "-bf", strconv.Itoa(2))
	}
	if p := b.film.Source.Video.Picture; p.Interlaced() {
		args = append(args, "-flags", "+cgop+ildct+ilme")
	}
	return []attempt{{args, "frames"}}, nil
}
