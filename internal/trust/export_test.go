package trust

// What the tests outside the package build forgeries with.
var (
	EncodeSSHArmour = encodeSSHArmour
	EncodePGPArmour = encodePGPArmour
	DecodeSSHArmour = decodeSSHArmour
	FramePacket     = framePacket
	SSHSignedText   = func(hashName string, digest []byte) []byte { return sshSignedText(sshNamespace, hashName, digest) }
)
