package job

// endless is behind the last frame of any film.
const endless = 1 << 50

// piece is a stretch of a film: frames of its source, or of an edit's.
type piece struct {
	edit     *Edit // nil for the film's own source
	from, to int   // of the edit's source, in frames
	fresh    bool  // an edit that is put in, of which no frame was counted yet
}

// Compose returns the edits of a source that make of it at once what old makes of it, and
// new of that. The frames that old replaces are counted in the source, those that new
// replaces in the film that old makes of it. Every one of old has counted frames ([Edit.Count]).
func Compose(old, new []Edit) []Edit {
	if len(old) == 0 {
		return new
	}
	film := pieces(old)
	for i := len(new) - 1; i >= 0; i-- { // from behind, so that places before stay what they are
		film = replace(film, new[i])
	}
	var all []Edit
	at := 0 // of the source, what is behind the last own piece
	for len(film) > 0 {
		n := 0
		for film[n].edit != nil { // the last piece is the source's own
			n++
		}
		all = append(all, fit(film[:n], at, film[n].from)...)
		at, film = film[n].to, film[n+1:]
	}
	return all
}

// pieces parts the film that edits make.
func pieces(edits []Edit) (film []piece) {
	at := 0
	for _, e := range edits {
		if e.From > at {
			film = append(film, piece{from: at, to: e.From})
		}
		first, n := e.Count()
		film = append(film, piece{edit: &e, from: first, to: first + n})
		at = e.To
	}
	return append(film, piece{from: at, to: endless})
}

// replace puts an edit in the place of frames of a film.
func replace(film []piece, e Edit) (out []piece) {
	at, put := 0, false
	for _, p := range film {
		if p.fresh { // and so behind the edit
			if !put && e.From == at {
				out, put = append(out, piece{edit: &e, fresh: true}), true
			}
			out = append(out, p)
			continue
		}
		n := p.to - p.from
		from, to := max(e.From-at, 0), min(e.To-at, n) // what it loses
		if from > 0 {
			head := p
			head.to = p.from + min(from, n)
			out = append(out, head)
		}
		if !put && e.From <= at+n && (e.From < at+n || e.To == e.From) {
			out, put = append(out, piece{edit: &e, fresh: true}), true
		}
		if tail := max(to, 0); from < n && tail < n {
			rest := p
			rest.from += max(tail, from)
			out = append(out, rest)
		}
		at += n
	}
	return out
}

// fit makes edits of the pieces that lie between frames from and to of the source. Where
// they are as long together as what they replace, each replaces as much as it has.
func fit(run []piece, from, to int) (edits []Edit) {
	total, known := 0, true
	for _, p := range run {
		n, ok := p.frames()
		total, known = total+n, known && ok
	}
	exact := known && total == to-from
	for _, p := range run {
		e := p.made()
		n, _ := p.frames()
		e.From, e.To, e.Ripple = from, to, true
		if exact {
			e.To, e.Ripple = from+n, false
		}
		from = e.To
		edits = append(edits, e)
	}
	return edits
}

// frames is how many frames a piece has, where that is known.
func (p piece) frames() (n int, known bool) {
	if p.fresh {
		return p.edit.To - p.edit.From, !p.edit.Ripple
	}
	return p.to - p.from, true
}

// made returns the edit of a piece, with the part of its source that is used.
func (p piece) made() Edit {
	e := *p.edit
	switch {
	case p.fresh && e.Aligned:
		e.Part = &EditPart{From: e.From, To: e.To}
	case p.fresh && !e.Ripple && e.Part == nil:
		e.Part = &EditPart{To: e.To - e.From, Of: e.To - e.From}
	case !p.fresh:
		part := EditPart{From: p.from, To: p.to}
		if e.Part != nil {
			part.Of = e.Part.Of
		}
		e.Part = &part
	}
	e.Aligned = false
	return e
}
