package matroska

import (
	"cmp"
	"slices"
)

// indexes are the edits that write the file's indexes anew: what its parts begin with
// (RFC 9559, 5.1.1), and where decoding can begin (5.1.5). How long they are doesn't
// depend on the places that they tell.
func (w *Rewrite) indexes(changes []Change) (edits []edit, err error) {
	for _, p := range w.top {
		var body []byte
		switch p.id {
		case idSeekHead:
			body, err = w.seekHead(p)
		case idCues:
			body, err = w.cues(p, changes)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		head := appendSize(appendID(nil, p.id), int64(len(body)), 1)
		edits = append(edits, edit{off: p.off, old: p.end - p.off, head: append(head, body...)})
	}
	return edits, nil
}

func (w *Rewrite) seekHead(p place) ([]byte, error) {
	old, err := p.load(w.r)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = eachChild(old, func(id uint32, v []byte) error {
		if id != idSeek {
			if id != idCRC {
				out = appendSmall(out, id, v)
			}
			return nil
		}
		var seek []byte
		err := eachChild(v, func(id uint32, v []byte) error {
			if id == idSeekPosition {
				seek = append(seek, w.placeOf(idSeekPosition, int64(uintOf(v)))...)
			} else {
				seek = appendSmall(seek, id, v)
			}
			return nil
		})
		out = appendSmall(out, idSeek, seek)
		return err
	})
	return sealed(out, summed(old)), err
}

// placeOf is an element that tells a place, by where it was.
func (w *Rewrite) placeOf(id uint32, was int64) []byte {
	return placeAt(id, w.position(w.segment.body+was))
}

func placeAt(id uint32, at int64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(at >> (8 * (7 - i)))
	}
	return appendSmall(nil, id, b)
}

// point is a cue point: a time, and for some tracks where to find it.
type point struct {
	time int64
	body []byte // what follows the time
}

// cues makes the cue points anew. Those of the changed track are the pictures at which
// decoding can begin: the old ones that still are there, and all new ones.
func (w *Rewrite) cues(p place, changes []Change) ([]byte, error) {
	old, err := p.load(w.r)
	if err != nil {
		return nil, err
	}
	now := w.keys(changes)
	var points []point
	told := map[int64]bool{}
	err = eachChild(old, func(id uint32, v []byte) error {
		if id != idCuePoint {
			return nil
		}
		pt, mine, err := w.point(v, now)
		if len(pt.body) > 0 {
			points = append(points, pt)
		}
		told[pt.time] = told[pt.time] || mine
		return err
	})
	for _, c := range changes {
		if c.Key && !told[c.Time] && len(told) > 0 {
			points = append(points, point{c.Time, w.positions(w.Blocks[c.Block])})
		}
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.time, b.time) })
	var out []byte
	for _, pt := range points {
		out = appendSmall(out, idCuePoint, append(appendSmall(nil, idCueTime, short(uint64(pt.time))), pt.body...))
	}
	return sealed(out, summed(old)), err
}

// keys are the blocks of the changed track at which decoding can begin, by time.
func (w *Rewrite) keys(changes []Change) map[int64]Placed {
	changed := map[int]bool{}
	keys := map[int64]Placed{}
	for _, c := range changes {
		changed[c.Block] = true
		if c.Key {
			keys[c.Time] = w.Blocks[c.Block]
		}
	}
	for i, b := range w.Blocks {
		if b.Key && !changed[i] {
			keys[b.Time] = b
		}
	}
	return keys
}

// point carries over a cue point. mine says that it is about the changed track, and that a
// picture at which decoding can begin is still there at its time.
func (w *Rewrite) point(v []byte, now map[int64]Placed) (pt point, mine bool, err error) {
	err = eachChild(v, func(id uint32, v []byte) error {
		if id == idCueTime {
			pt.time = int64(uintOf(v))
		}
		return nil
	})
	if err != nil {
		return pt, false, err
	}
	return pt, mine, eachChild(v, func(id uint32, v []byte) error {
		if id != idCuePositions {
			return nil
		}
		of, cluster := uint64(0), int64(0)
		err := eachChild(v, func(id uint32, v []byte) error {
			switch id {
			case idCueTrack:
				of = uintOf(v)
			case idCueCluster:
				cluster = int64(uintOf(v))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if of != w.track {
			moved, err := w.other(v, cluster)
			pt.body = append(pt.body, moved...)
			return err
		}
		if b, ok := now[pt.time]; ok {
			mine = true
			pt.body = append(pt.body, w.positions(b)...)
		}
		return nil
	})
}

// positions tell where a block of the changed track is.
func (w *Rewrite) positions(b Placed) []byte {
	c := w.clusters[b.cluster]
	body := appendSmall(nil, idCueTrack, short(w.track))
	body = append(body, placeAt(idCueCluster, w.position(c.off))...)
	body = append(body, placeAt(idCueRelative, w.moved(b.element.off)-w.moved(c.body))...)
	return appendSmall(nil, idCuePositions, body)
}

// other carries over where a block of another track is.
func (w *Rewrite) other(v []byte, cluster int64) (out []byte, err error) {
	at, known := slices.BinarySearchFunc(w.clusters, w.segment.body+cluster, func(c placedCluster, off int64) int { return cmp.Compare(c.off, off) })
	err = eachChild(v, func(id uint32, v []byte) error {
		switch {
		case id == idCueCluster:
			out = append(out, w.placeOf(id, cluster)...)
		case id == idCueRelative && known:
			c := w.clusters[at]
			out = append(out, placeAt(id, w.moved(c.body+int64(uintOf(v)))-w.moved(c.body))...)
		case id == idCueRelative: // of a cluster that there isn't: a reader does without
		default:
			out = appendSmall(out, id, v)
		}
		return nil
	})
	return appendSmall(nil, idCuePositions, out), err
}

// short is a number in as few bytes as can be.
func short(v uint64) []byte {
	b := []byte{byte(v)}
	for v >>= 8; v > 0; v >>= 8 {
		b = append([]byte{byte(v)}, b...)
	}
	return b
}
