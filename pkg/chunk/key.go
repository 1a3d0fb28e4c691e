// Package chunk makes chunks: it knows the key under which a chunk is kept, and how
// one is encoded from its segment and checked.
//
// A chunk is the encoded form of the frames that one segment owns, in one rendition:
// a fragmented MP4 of one video track that begins with an IDR picture and refers to
// nothing outside. An audio chunk is a whole audio track.
package chunk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/reweave/reweave/pkg/recipe"
)

// Key returns the chunk key: the digest of all that the chunk is made from, which is
// the segment's content, the range of frames it owns, and the recipe. It has 64
// hexadecimal digits.
func Key(segment string, first, frames int, r recipe.Recipe) string {
	h := sha256.New()
	fmt.Fprintf(h, "reweave chunk 1\n%s\n%d+%d\n", segment, first, frames)
	h.Write(r.Canonical())
	return hex.EncodeToString(h.Sum(nil))
}

// AudioKey returns the key of an encoded audio track: the digest of the copied track
// and the encoder.
func AudioKey(track, codec, build string) string {
	h := sha256.New()
	fmt.Fprintf(h, "reweave audio 1\n%s\n%s %s", track, codec, build)
	return hex.EncodeToString(h.Sum(nil))
}
