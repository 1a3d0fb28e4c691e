package demux

import (
	"bytes"
	"io"
	"os"
)

// y4m watches a YUV4MPEG2 stream on its way to ffmpeg, which drops a last frame that is
// not whole without a word: a stream ends so when the program that writes it dies.
type y4m struct {
	r    io.Reader
	path string // a file to look at when nothing was read through r
	head []byte
	n    int64
}

// y4mHead is how much is kept to find the first frame's header.
const y4mHead = 1 << 10

// Read reads from the stream.
func (y *y4m) Read(p []byte) (int, error) {
	n, err := y.r.Read(p)
	y.head = append(y.head, p[:min(n, y4mHead-len(y.head))]...)
	y.n += int64(n)
	return n, err
}

// cutOff reports whether the stream did not end with a whole frame, whose pixels have this
// size. All frames are taken to have headers as long as the first one's.
func (y *y4m) cutOff(size int) bool {
	if y.r == nil && !y.look() {
		return false
	}
	header, frames, ok := bytes.Cut(y.head, []byte("\n"))
	frame := bytes.IndexByte(frames, '\n')
	if !ok || frame < 0 || !bytes.HasPrefix(frames, []byte("FRAME")) {
		return false
	}
	return (y.n-int64(len(header)+1))%int64(frame+1+size) != 0
}

// look reads the head and the size of the file.
func (y *y4m) look() bool {
	f, err := os.Open(y.path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	y.head, err = io.ReadAll(io.LimitReader(f, y4mHead))
	y.n = info.Size()
	return err == nil
}
