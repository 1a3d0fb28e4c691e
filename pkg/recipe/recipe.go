// Package recipe holds everything that can change the bytes of a chunk besides
// the pictures themselves: the settings of one rendition, the shape of the
// pictures, and the fingerprint of the encoder build.
//
// Settings are what a user asks for. A Recipe is what an encoder is given: the
// settings with every default filled in, plus what the source dictates. Its
// canonical form is part of the chunk key.
package recipe

import (
	"encoding/json"

	"github.com/reweave/reweave/pkg/media"
)

// Settings are what a user may choose about the video encode.
type Settings struct {
	Codec     string `json:"codec,omitempty" enum:"libx264,libx265,libsvtav1,librav1e" default:"libx264" doc:"video encoder"`
	Preset    string `json:"preset,omitempty" doc:"the encoder's own preset (x264 medium, SVT-AV1 8, rav1e 6)"`
	CRF       *int   `json:"crf,omitempty" minimum:"0" maximum:"63" doc:"constant rate factor"`
	QP        *int   `json:"qp,omitempty" minimum:"0" maximum:"255" doc:"constant quantizer"`
	Keyint    int    `json:"keyint,omitempty" minimum:"0" doc:"longest distance between keyframes, in frames (default 250)"`
	MinKeyint int    `json:"min_keyint,omitempty" minimum:"0" doc:"shortest distance between keyframes, in frames (default: the encoder's)"`
	// PixFmt forces a pixel format, such as yuv420p10le. "" keeps the source's, as
	// far as the encoder has it.
	PixFmt string `json:"pix_fmt,omitempty" doc:"pixel format of the deliverable (default: the source's)"`
}

// Recipe is the whole of what an encoder is given for one rendition. Two encodes
// of the same pictures under equal recipes give the same bytes.
type Recipe struct {
	Settings
	// Encoder is the fingerprint of the encoder build (see package ffmpeg).
	Encoder string `json:"encoder"`
	// Threads is the encoder's thread count where it changes the bytes, else 0.
	Threads int `json:"threads,omitempty"`
	// Rate is the nominal frame rate that the encoder is told.
	Rate media.Rational `json:"rate"`
	// Picture is the shape of the pictures.
	Picture media.Picture `json:"picture"`
	// Revision counts the changes of how this program drives encoders.
	Revision int `json:"revision"`
}

// Canonical returns the form of r that chunk keys digest: JSON with a fixed order
// of fields.
func (r Recipe) Canonical() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic("recipe: marshal of plain values can't fail: " + err.Error())
	}
	return b
}
