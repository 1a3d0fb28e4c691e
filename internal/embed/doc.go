// Package embed runs the two servers that Reweave needs, NATS and S3, for those
// who want one program and not a cluster. No other package imports a server.
//
// A [Stack] is both of them on one directory:
//
//	DIR/lock               held (flock) by the one process that uses DIR
//	DIR/holder.json        who that is: its pid and the address of its API
//	DIR/credentials.json   keys of the S3 server, made once, mode 0600
//	DIR/nats/              JetStream
//	DIR/objects/           the S3 server's buckets
//	DIR/metadata/          objects' metadata, where the file system has no xattrs
//
// NATS (nats-server) runs in this process and synchronises every write. S3
// (versitygw) runs in a child process of the same binary, since its backend
// changes the working directory of the whole process. The child lives as long as
// its standard input is open, so it dies with its parent however that dies. A
// program that starts a Stack must therefore call [MaybeChild] first of all.
package embed
