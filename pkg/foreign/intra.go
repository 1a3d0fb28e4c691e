package foreign

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/reweave/reweave/pkg/fault"
)

// proresProfiles are ffmpeg's numbers for Apple's names.
var proresProfiles = map[string]string{"apco": "0", "apcs": "1", "apcn": "2", "apch": "3", "ap4h": "4", "ap4x": "5"}

func proresAttempts(b *base, _ Options) ([]attempt, error) {
	profile, ok := proresProfiles[b.entry]
	if !ok {
		return nil, differs(b, fmt.Sprintf("%q is no kind of ProRes that can be encoded", b.entry), otherHint)
	}
	return []attempt{{[]string{"-c:v", "prores_ks", "-profile:v", profile, "-vendor", "apl0", "-threads", "0"}, "frames"}}, nil
}

// dnxhr are the profiles by the compression id in the header of each frame (SMPTE ST
// 2019-1, 6.2).
var dnxhr = map[uint32]string{1270: "dnxhr_444", 1271: "dnxhr_hqx", 1272: "dnxhr_hq", 1273: "dnxhr_sq", 1274: "dnxhr_lb"}

func dnxhrAttempts(b *base, _ Options) ([]attempt, error) {
	data, err := b.packet(0)
	if err != nil {
		return nil, err
	}
	if len(data) < 0x2C {
		return nil, fault.Userf("damaged-base", b.name, "its first frame is cut off", "get a whole copy")
	}
	id := binary.BigEndian.Uint32(data[0x28:])
	profile, ok := dnxhr[id]
	if !ok {
		return nil, differs(b, fmt.Sprintf("the compression id %d is none of DNxHR", id), otherHint)
	}
	return []attempt{{[]string{"-c:v", "dnxhd", "-profile:v", profile}, "frames"}}, nil
}

func mjpegAttempts(_ *base, _ Options) ([]attempt, error) {
	return []attempt{{[]string{"-c:v", "mjpeg", "-q:v", "2", "-huffman", "optimal"}, "frames"}}, nil
}

// ffv1Attempts are the ways to set up FFV1, whose header tells them in a form of its own
// (RFC 9043, 4.3): the one whose header is the film's is found by trying.
func ffv1Attempts(b *base, _ Options) ([]attempt, error) {
	gop := "12"
	if b.intra() {
		gop = "1"
	}
	var ways []attempt
	for _, crc := range []string{"1", "0"} {
		for _, coder := range []string{"rice", "range_def", "range_tab"} {
			for _, context := range []string{"0", "1"} {
				for _, slices := range []int{4, 16, 24, 9, 30, 12, 6} {
					ways = append(ways, attempt{[]string{
						"-c:v", "ffv1", "-level", "3", "-coder", coder, "-context", context, "-slicecrc", crc, "-slices", strconv.Itoa(slices), "-g", gop,
					}, "same"})
				}
			}
		}
	}
	return ways, nil
}
