package main

// outer are the faults of what Reweave depends on and talks to.
var outer = []fault{
	{"lose one of three NATS servers", loseNodes(follower), false},
	{"lose the leader of three NATS servers", loseNodes(leaderOf("SEG"), leaderOf("KV_jobs"), metaLeader), false},
	{"delete all consumers in a job", loseConsumers, false},
	{"delete a work stream in a job", loseStream("SEG", "JOBQ", "MUX"), false},
	{"delete a stream of records in a job", loseStream("TASKS", "DONE", "ATTEMPTS", "EVENTS"), false},
	{"delete a bucket but that of jobs in a job", loseStream("KV_workers", "KV_encoders", "KV_requests", "KV_secrets"), false},
	{"delete the bucket of jobs in a job", loseJobs, false},
	{"S3 answers 503 SlowDown to some, then to all", slowS3, true},
	{"S3 stores and its answer is lost", loseAnswers, false},
	{"the connection breaks in a PUT", tearBodies, false},
	{"the disc of S3 is full", fillS3, false},
	{"the disc of NATS is full", fillNATS, false},
	{"tear a client's upload in parts", tearUpload, false},
	{"two builds of the encoder, and one leaves", twoBuilds, false},
	{"an encoder's clock jumps by an hour", clockOfEncoder, false},
	{"the clock of NATS is an hour off", clockOfNATS, false},
	{"clocks 28 minutes apart, and a lost message", clocksApart, false},
	{"a webhook's receiver fails, is slow, redirects", badReceivers, false},
	{"kill -9 the api behind a webhook's answer", replayHook, false},
	{"a webhook to an address of the inside", innerHook, false},
}
