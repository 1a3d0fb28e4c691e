// Package e2e tests Reweave from a clip to a deliverable, with nothing mocked: real
// NATS and S3, the four services' own Run functions, real ffmpeg, and for the command
// line the built program as a child process.
//
// A [Cluster] is a bus and a store with a [Fleet] of services on them, each with a
// connection of its own as separate processes have it. Tests submit jobs to it as the
// api does and get deliverables as files. A [Program] is a run of the command.
//
// What is compared are decoded frames, by the MD5 of their pixels and by their times
// as exact fractions; see [SameFrames].
package e2e
