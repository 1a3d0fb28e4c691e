package patch

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
)

// thumb is a small picture of a frame: its planes behind each other, of eight bits and the
// full range, those of colour half as wide and high.
type thumb struct {
	b     []byte
	width int
}

// gridWidth is how many squares in a row pictures are compared by: fine enough to find a
// change, and so coarse that grain and the noise of encoding don't count.
const gridWidth = 64

// small is a filter that makes pictures of a width of frames of another.
func small(from, width int) string {
	flags := "bicubic"
	if from > width { // which costs a third, and looks the same when frames are made smaller
		flags = "area"
	}
	return fmt.Sprintf("scale=%d:-2:flags=%s:out_range=pc,format=yuvj420p", width, flags)
}

// height is the picture's, which is even.
func (t thumb) height() int {
	if t.width == 0 {
		return 0
	}
	return len(t.b) * 2 / 3 / t.width
}

// distance adds up by how much the squares of two pictures differ in brightness.
func (t thumb) distance(q thumb) (sum int) {
	if t.width != q.width {
		return 0
	}
	side := max(1, t.width/gridWidth)
	for y := 0; y+side <= min(t.height(), q.height()); y += side {
		for x := 0; x+side <= t.width; x += side {
			d := (t.square(x, y, side) - q.square(x, y, side)) / (side * side)
			sum += d * d
		}
	}
	return sum
}

// square adds up the brightness of a square.
func (t thumb) square(x, y, side int) (sum int) {
	for row := y; row < y+side; row++ {
		for _, v := range t.b[row*t.width+x:][:side] {
			sum += int(v)
		}
	}
	return sum
}

// jpeg returns the picture as JPEG.
func (t thumb) jpeg() []byte {
	w, h := t.width, t.height()
	luma, chroma := w*h, w*h/4
	img := &image.YCbCr{
		Y: t.b[:luma], Cb: t.b[luma : luma+chroma], Cr: t.b[luma+chroma : luma+2*chroma], YStride: w, CStride: w / 2,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, w, h),
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85}); err != nil {
		return nil // it is empty, and the page does without
	}
	return b.Bytes()
}
