package demux

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/reweave/reweave/pkg/matroska"
)

// spoolFile bounds a file of the spool; it is dropped when no segment needs it.
const spoolFile = 64 << 20

// Spool lays packets aside on disk, in memory bounded by one number of packets. Put,
// Packet and Release may be called from several goroutines.
type Spool struct {
	dir string

	mu    sync.Mutex
	files []*spooled
	first int // number of the first packet still held
	where []place
}

type spooled struct {
	f    *os.File
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
	if len(s.files) == 0 || s.files[len(s.files)-1].size >= spoolFile {
		f, err := os.CreateTemp(s.dir, "spool-")
		if err != nil {
			return fmt.Errorf("create spool: %w", err)
		}
		// The file lives as long as it is open: a crash leaves nothing behind.
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("unlink spool %s: %w", filepath.Base(f.Name()), err)
		}
		s.files = append(s.files, &spooled{f: f})
	}
	file := s.files[len(s.files)-1]
	if _, err := file.f.WriteAt(data, file.size); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	s.where = append(s.where, place{file, file.size, int64(len(data))})
	file.size, file.last = file.size+int64(len(data)), n
	return nil
}

// Packet returns where packet number n lies.
func (s *Spool) Packet(n int) matroska.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.where[n-s.first]
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
		s.files[0].f.Close()
		s.files = s.files[1:]
	}
}

// Close drops everything.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		f.f.Close()
	}
	s.files = nil
}
