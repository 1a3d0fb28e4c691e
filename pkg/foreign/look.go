package foreign

import "fmt"

// Look lists what a person must look at: what was lost around the frames that were asked
// for, and the warnings.
func (s Splice) Look() (list []string) {
	for _, g := range s.Regions {
		if g.Again > 0 {
			list = append(list, fmt.Sprintf("Frames %d–%d, of which %d lost a generation: they were not asked for, but only at these ends can old packets be left and "+
				"taken up again, so they were decoded from what was there before and encoded anew.", g.Frames.From, g.Frames.To-1, g.Again))
		}
	}
	return append(list, s.Warnings...)
}
