package matroska

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// edit replaces bytes of the file.
type edit struct {
	off, old   int64
	head, tail []byte
	data       Payload
}

func (e edit) size() int64 {
	n := int64(len(e.head) + len(e.tail))
	if e.data != nil {
		n += e.data.Size()
	}
	return n
}

func (e edit) write(w io.Writer) error {
	if _, err := w.Write(e.head); err != nil {
		return err
	}
	if e.data != nil {
		if err := e.data.WriteAll(w); err != nil {
			return err
		}
	}
	_, err := w.Write(e.tail)
	return err
}

// block is the edit that puts a packet into a block. A block of a group stays one, with
// what the group tells besides.
func (x *Index) block(c Change) (edit, error) {
	b := x.Blocks[c.Block]
	rel := c.Time - x.clusters[b.cluster].time
	if rel != int64(int16(rel)) {
		return edit{}, fmt.Errorf("%w: block %d is too far from its cluster's time", ErrSyntax, c.Block)
	}
	inner := binary.BigEndian.AppendUint16(slices.Clone(b.head), uint16(int16(rel)))
	e := edit{off: b.element.off, old: b.element.end - b.element.off, data: c.Data}
	if b.element.id == idSimpleBlock {
		flags := byte(0)
		if c.Key {
			flags = 0x80
		}
		inner = append(inner, flags)
		e.head = append(appendSize([]byte{idSimpleBlock}, int64(len(inner))+c.Data.Size(), 1), inner...)
		return e, nil
	}
	inner = append(inner, 0)
	if e.tail = slices.Clone(b.more); !c.Key {
		e.tail = appendSmall(e.tail, idReference, []byte{0xFF}) // −1: which one it is, the codec tells
	}
	block := append(appendSize([]byte{idBlock}, int64(len(inner))+c.Data.Size(), 1), inner...)
	e.head = append(appendSize([]byte{idBlockGroup}, int64(len(block)+len(e.tail))+c.Data.Size(), 1), block...)
	return e, nil
}

// header replaces the track's configuration.
func (w *Rewrite) header(private []byte) error {
	if private == nil {
		return nil
	}
	for _, p := range w.top {
		if p.id != idTracks {
			continue
		}
		body, err := p.load(w.r)
		if err != nil {
			return err
		}
		var out []byte
		err = eachChild(body, func(id uint32, v []byte) error {
			if id == idTrackEntry {
				v, err = configured(v, w.track, private)
			}
			if id != idCRC {
				out = appendSmall(out, id, v)
			}
			return err
		})
		if err != nil {
			return err
		}
		w.edits = append(w.edits, edit{off: p.off, old: p.end - p.off, head: appendSmall(nil, idTracks, sealed(out, summed(body)))})
	}
	return nil
}

// configured is the header of a track with another configuration, if it is the one.
func configured(entry []byte, number uint64, private []byte) (out []byte, err error) {
	mine := false
	err = eachChild(entry, func(id uint32, v []byte) error {
		mine = mine || id == idTrackNumber && uintOf(v) == number
		return nil
	})
	if err != nil || !mine {
		return entry, err
	}
	err = eachChild(entry, func(id uint32, v []byte) error {
		if id == idCodecPrivate {
			v = private
		}
		out = appendSmall(out, id, v)
		return nil
	})
	return out, err
}
