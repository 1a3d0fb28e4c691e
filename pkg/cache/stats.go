package cache

// Stats tells how large the cache is, and who holds it.
type Stats struct {
	Chunks int   `json:"chunks" doc:"how many chunks are stored"`
	Bytes  int64 `json:"bytes" doc:"their bytes"`
	Limit  int64 `json:"limit" doc:"bytes that they are kept below; 0 for none"`
	Pinned int64 `json:"pinned" doc:"bytes that pinned deliverables hold"`
	Unheld int64 `json:"unheld" doc:"bytes that no deliverable holds"`
	// HitRate is over the deliverables, each as it was last made.
	HitRate      float64       `json:"hit_rate" doc:"the part of all deliverables' chunks that was there already when each was last made"`
	Deliverables []Deliverable `json:"deliverables" doc:"what was made here"`
}

// Evicted tells what an eviction did, or would do.
type Evicted struct {
	Chunks []Chunk `json:"chunks" doc:"the chunks that went, or would go"`
	Bytes  int64   `json:"bytes" doc:"their bytes"`
	Left   int64   `json:"left" doc:"bytes of the chunks that stay"`
}
