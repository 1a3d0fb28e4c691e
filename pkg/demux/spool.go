package demux

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/reweave/reweave/pkg/matroska"
)

const (
	// spoolFile bounds a file of the spool; it is dropped when no segment needs it.
	spoolFile = 64 << 20
	// slab is the size of a piece of memory that is used in place of a file.
	slab = 4 << 20
)

// slabs bounds how many a process uses, in all its spools: most segments are stored
// before they would come to the disk, and how fast that goes bounds the splitting.
var slabs = make(chan struct{}, 6)

// Spool lays packets aside in memory and on disk, in memory bounded by one number of
// packets. Put, Packet and Release may be called from several goroutines.
type Spool struct {
	dir string

	mu    sync.Mutex
	files []*spooled
	first int // number of the first packet still held
	where []place
}

// spooled is a file, or a slab where mem is not nil.
type spooled struct {
	f    *os.File
	mem  []byte
	size int64
	last int // number of the last packet in it
}

type place struct {
	file *spooled
	off  int64
	size int64
}

// NewSpool returns a spool in dir, which must exist and is not removed.
func NewSpool(dir string) *Spool { return &Spool{dir: dir} }

// Put appends the packet with the next number.
func (s *Spool) Put(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.first + len(s.where)
	if len(s.files) == 0 || s.files[len(s.files)-1].full(len(data)) {
		file, err := s.open(len(data))
		if err != nil {
			return err
		}
		s.files = append(s.files, file)
	}
	file := s.files[len(s.files)-1]
	if file.mem != nil {
		copy(file.mem[file.size:], data)
	} else if _, err := file.f.WriteAt(data, file.size); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	s.where = append(s.where, place{file, file.size, int64(len(data))})
	file.size, file.last = file.size+int64(len(data)), n
	return nil
}

// full reports whether the next packet of a size goes elsewhere.
func (f *spooled) full(next int) bool {
	if f.mem != nil {
		return f.size+int64(next) > slab
	}
	return f.size >= spoolFile
}

// open returns a slab where there is one and the packet fits, else a file.
func (s *Spool) open(packet int) (*spooled, error) {
	if packet <= slab {
		select {
		case slabs <- struct{}{}:
			return &spooled{mem: make([]byte, slab)}, nil
		default:
		}
	}
	f, err := os.CreateTemp(s.dir, "spool-")
	if err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	// The file lives as long as it is open: a crash leaves nothing behind.
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("unlink spool %s: %w", filepath.Base(f.Name()), err)
	}
	return &spooled{f: f}, nil
}

// close gives back what the file uses. A slab is not used again, since an upload that was
// given up may still read it.
func (f *spooled) close() {
	if f.mem != nil {
		<-slabs
		return
	}
	f.f.Close()
}

// Packet returns where packet number n lies.
func (s *Spool) Packet(n int) matroska.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.where[n-s.first]
	if p.file.mem != nil {
		return matroska.Packet{Data: bytes.NewReader(p.file.mem), Off: p.off, Size: p.size}
	}
	return matroska.Packet{Data: p.file.f, Off: p.off, Size: p.size}
}

// Release drops all packets before number n.
func (s *Spool) Release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n <= s.first {
		return
	}
	s.where = append([]place(nil), s.where[n-s.first:]...)
	s.first = n
	for len(s.files) > 1 && s.files[0].last < n {
		s.files[0].close()
		s.files = s.files[1:]
	}
}

// Close drops everything.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		f.close()
	}
	s.files = nil
}
