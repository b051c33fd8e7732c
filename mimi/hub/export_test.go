package hub

var DigestOf = digestOf
