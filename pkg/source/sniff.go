package source

import (
	"bytes"
	"encoding/binary"
)

// Streamable reports whether the container that begins with head can be read from
// front to back: YUV4MPEG2, Matroska and WebM, MPEG-TS, IVF, and an MP4 or MOV whose
// index (moov) stands before its media (mdat) and whole within head.
func Streamable(head []byte) bool {
	for _, magic := range []string{"YUV4MPEG2 ", "\x1A\x45\xDF\xA3", "DKIF"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return isTS(head) || isMP4(head) && indexFirst(head)
}

// isTS looks for the sync byte of three packets of 188 bytes (ISO/IEC 13818-1, 2.4.3).
func isTS(head []byte) bool {
	return len(head) > 376 && head[0] == 0x47 && head[188] == 0x47 && head[376] == 0x47
}

// isMP4 looks for a first box of a kind that ISO base media and QuickTime files begin with.
func isMP4(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	switch string(head[4:8]) {
	case "ftyp", "moov", "mdat", "wide", "free", "skip", "pnot":
		return true
	}
	return false
}

// indexFirst walks the top-level boxes (ISO/IEC 14496-12, 4.2) until the index or the
// media comes.
func indexFirst(head []byte) bool {
	for len(head) >= 16 {
		size := uint64(binary.BigEndian.Uint32(head))
		if size == 1 {
			size = binary.BigEndian.Uint64(head[8:])
		}
		switch string(head[4:8]) {
		case "moov":
			return size >= 8 && size <= uint64(len(head))
		case "mdat":
			return false
		}
		if size < 8 || size > uint64(len(head)) {
			return false
		}
		head = head[size:]
	}
	return false
}
