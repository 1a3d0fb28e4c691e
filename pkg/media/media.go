// Package media describes sources: the facts that a probe reads from a file's
// headers, exact fractions of time, and the shape of pictures. Nothing in it reads
// a file; package ffmpeg does.
package media

import "strings"

// Picture is the shape of decoded pictures and how they are to be shown. The empty
// string stands for "unspecified".
type Picture struct {
	Width  int      `json:"width"`
	Height int      `json:"height"`
	PixFmt string   `json:"pix_fmt"`
	SAR    Rational `json:"sar"` // sample aspect ratio; 0/1 when unknown
	// Range, Primaries, Transfer, Matrix and ChromaLoc are named as ffprobe names
	// them (ITU-T H.273 code points), such as "tv", "bt709", "smpte2084".
	Range     string `json:"range,omitempty"`
	Primaries string `json:"primaries,omitempty"`
	Transfer  string `json:"transfer,omitempty"`
	Matrix    string `json:"matrix,omitempty"`
	ChromaLoc string `json:"chroma_loc,omitempty"`
	// FieldOrder is "progressive", "tt", "bb", "tb", "bt" or "".
	FieldOrder string `json:"field_order,omitempty"`
	// Mastering is the mastering display (SMPTE ST 2086) in x265's notation, and
	// Light the content light level "maxcll,maxfall" (CTA-861.3).
	Mastering string `json:"mastering,omitempty"`
	Light     string `json:"light,omitempty"`
}

// Interlaced reports whether the pictures are pairs of fields.
func (p Picture) Interlaced() bool {
	return p.FieldOrder != "" && p.FieldOrder != "progressive" && p.FieldOrder != "unknown"
}

// IsRGB reports whether a pixel format's samples are red, green and blue, or stand for
// such in a palette.
func IsRGB(pixFmt string) bool {
	return strings.Contains(pixFmt, "rgb") || strings.Contains(pixFmt, "bgr") || strings.HasPrefix(pixFmt, "gbr") || pixFmt == "pal8"
}

// Source is what a probe knows of a source before a packet of it is read.
type Source struct {
	Format string `json:"format"`
	// Start is the smallest start time of all streams, in seconds.
	Start float64 `json:"start"`
	// Duration in seconds as the headers tell it; 0 when they don't.
	Duration float64     `json:"duration"`
	Video    VideoStream `json:"video"`
	Audio    []Stream    `json:"audio,omitempty"`
	Subs     []Stream    `json:"subs,omitempty"`
	// Other are streams of kinds that no deliverable takes: data, timecode tracks,
	// cover pictures, further video.
	Other    []Stream `json:"other,omitempty"`
	Attached []Stream `json:"attached,omitempty"`
	Chapters int      `json:"chapters,omitempty"`
}

// Stream is one elementary stream of a source.
type Stream struct {
	Index    int      `json:"index"`
	Kind     string   `json:"kind"`
	Codec    string   `json:"codec"`
	TimeBase Rational `json:"time_base"`
	// Start is the stream's start time in ticks of TimeBase.
	Start      int64  `json:"start"`
	Language   string `json:"language,omitempty"`
	Title      string `json:"title,omitempty"`
	SampleRate int    `json:"sample_rate,omitempty"`
	Channels   int    `json:"channels,omitempty"`
	Default    bool   `json:"default,omitempty"`
}

// TimecodeTrack is the codec of a QuickTime track that holds the timecode of the first frame.
const TimecodeTrack = "tmcd"

// VideoStream is the video stream that is encoded.
type VideoStream struct {
	Stream
	Picture Picture  `json:"picture"`
	Rate    Rational `json:"rate"`
	// Rotation is the clockwise rotation to show the pictures in, in degrees.
	Rotation int `json:"rotation,omitempty"`
	// Timecode is that of the first frame, "" where the source tells none; a semicolon
	// before the frames says that it is drop-frame.
	Timecode string `json:"timecode,omitempty"`
}
