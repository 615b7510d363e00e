"""The bridge: work, results, history and files between an edge colony and a colony in the cloud, over a bad line."""
