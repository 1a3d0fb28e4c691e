package split

import "bytes"

// Clean reports whether decoding can begin at a packet that its container calls a
// keyframe. codecID is Matroska's name of the codec, private its configuration.
//
// H.264 containers also call pictures keyframes that only begin a gradual refresh.
// Such a packet holds no IDR slice (ITU-T H.264, 7.4.1.2.4) and is taken only when
// a recovery point SEI (D.2.8) says that recovery is complete at once.
func Clean(codecID string, private, data []byte) bool {
	if codecID != "V_MPEG4/ISO/AVC" {
		return true
	}
	width := 4
	if len(private) > 4 {
		width = int(private[4]&3) + 1 // lengthSizeMinusOne of the avcC record
	}
	recovery := false
	for len(data) > width {
		n := 0
		for _, b := range data[:width] {
			n = n<<8 | int(b)
		}
		data = data[width:]
		if n <= 0 || n > len(data) {
			return false
		}
		switch data[0] & 0x1F {
		case 5:
			return true
		case 6:
			recovery = recovery || recoversAtOnce(bytes.ReplaceAll(data[1:n], emulation, emulation[:2]))
		}
		data = data[n:]
	}
	return recovery
}

// emulation is what stands for two bytes of zero where more could be taken for a start
// code (ITU-T H.264, 7.4.1).
var emulation = []byte{0, 0, 3}

// recoversAtOnce looks through the messages of an SEI (ITU-T H.264, 7.3.2.3.1) for a
// recovery point with a recovery_frame_cnt of 0, whose Exp-Golomb code is one set bit.
func recoversAtOnce(sei []byte) bool {
	for len(sei) > 2 {
		kind, rest := seiNumber(sei)
		size, rest := seiNumber(rest)
		if size > len(rest) {
			return false
		}
		if kind == 6 && size > 0 {
			return rest[0]&0x80 != 0
		}
		sei = rest[size:]
	}
	return false
}

// seiNumber reads a payload type or size: bytes of 255 add up with the one behind.
func seiNumber(b []byte) (v int, rest []byte) {
	for len(b) > 0 {
		c := b[0]
		v, b = v+int(c), b[1:]
		if c != 0xFF {
			break
		}
	}
	return v, b
}
