package org.telltale.vpn

import org.json.JSONObject
import org.telltale.engine.EngineHost

/**
 * Answers the engine's questions.
 *
 * @param guard keeps a socket out of the VPN; `VpnService.protect`.
 */
class SocketProtector(private val guard: (Int) -> Boolean, private val owners: ConnectionOwner) : EngineHost {
    override fun protect(fd: Int): Boolean = guard(fd)

    override fun owner(protocol: Int, local: ByteArray, localPort: Int, remote: ByteArray, remotePort: Int): String? {
        val owner = owners.find(Connection(protocol, local, localPort, remote, remotePort)) ?: return null
        return JSONObject().put("name", owner.name).put("uid", owner.uid).toString()
    }
}
