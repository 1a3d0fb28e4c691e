package foreign

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/reweave/reweave/pkg/fault"
)

// track is a file's video track, whose coded packets can be read. Which container it lies in
// makes no difference here.
type track struct {
	name string
	file *os.File
	size int64 // of the file
	// entry is the fourcc of the codec, where there is one.
	entry string
	// samples are in decode order.
	samples []sample
	// config returns a configuration record of the codec by the name of its box, such as
	// avcC, or nil.
	config func(kind string) []byte
}

// sample is a coded packet and its times, in ticks of the track.
type sample struct {
	off  int64
	size uint32
	dts  int64 // only in MP4 and MOV
	pts  int64 // before the edit list
	sync bool
	// count is how many samples of the tables it stands for: many, of the same size, in
	// sound that isn't compressed.
	count int32
}

func (m *track) close() { _ = m.file.Close() } // it was only read

// packet reads a coded packet.
func (m *track) packet(i int) ([]byte, error) {
	b := make([]byte, m.samples[i].size)
	if _, err := m.file.ReadAt(b, m.samples[i].off); err != nil {
		return nil, fmt.Errorf("read packet %d of %s: %w", i, m.name, err)
	}
	return b, nil
}

// copyBytes copies a stretch of the file.
func (m *track) copyBytes(w io.Writer, from, to int64) error {
	n, err := io.Copy(w, io.NewSectionReader(m.file, from, to-from))
	if err == nil && n != to-from {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// description is what a film's header says of its video's packets.
type description struct {
	// entry is the fourcc, kind and body the configuration record.
	entry, kind string
	body        []byte
}

// damaged tells of a deliverable that can't be read, unless err tells it already.
func damaged(name string, err error) error {
	if _, told := errors.AsType[*fault.Error](err); told {
		return err
	}
	e := fault.Userf("damaged-base", name, "the deliverable is damaged", "get a whole copy")
	e.Err = err
	return e
}
