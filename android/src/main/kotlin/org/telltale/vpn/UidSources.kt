package org.telltale.vpn

import android.content.Context
import android.net.ConnectivityManager
import android.os.Build
import android.os.Process
import java.io.File
import java.net.InetSocketAddress
import org.telltale.SdkGuarded

/** The way of asking that this version of Android has. */
fun uidSource(context: Context): UidSource =
    if (Build.VERSION.SDK_INT >= 29) platformUids(context) else ProcNet(File("/proc/net"))

/** Asks the system, which answers the app whose VPN it is; Android 10 and later. */
@SdkGuarded
private fun platformUids(context: Context): UidSource {
    val connectivity = context.getSystemService(ConnectivityManager::class.java)
    return UidSource { protocol, local, remote -> ask(connectivity, protocol, local, remote) }
}

@SdkGuarded
private fun ask(connectivity: ConnectivityManager, protocol: Int, local: InetSocketAddress, remote: InetSocketAddress): Int? = try {
    connectivity.getConnectionOwnerUid(protocol, local, remote).takeIf { it != Process.INVALID_UID }
} catch (foreign: SecurityException) {
    // The VPN is no longer ours.
    null
} catch (refused: IllegalArgumentException) {
    null
}

/** Reads the kernel's tables of sockets in [dir], which apps may do up to Android 9. */
class ProcNet(private val dir: File) : UidSource {
    override fun uid(protocol: Int, local: InetSocketAddress, remote: InetSocketAddress): Int? {
        val table = if (protocol == Connection.TCP) "tcp" else "udp"
        // A socket of IPv6 can hold a connection of IPv4.
        return listOf(table, "${table}6").firstNotNullOfOrNull { search(File(dir, it), local, remote) }
    }

    private fun search(table: File, local: InetSocketAddress, remote: InetSocketAddress): Int? {
        if (!table.canRead()) return null
        return table.useLines { lines ->
            lines.mapNotNull(ProcNetRow::parse).firstOrNull { it.matches(local, remote) }?.uid
        }
    }
}

/** One socket of `/proc/net/{tcp,udp}{,6}`. Addresses of 4 or 16 bytes, in network order. */
class ProcNetRow(val local: ByteArray, val localPort: Int, val remote: ByteArray, val remotePort: Int, val uid: Int) {
    /** Whether its ends are [local] and [remote]; an IPv4 address may be mapped into IPv6. */
    fun matches(local: InetSocketAddress, remote: InetSocketAddress): Boolean =
        localPort == local.port && remotePort == remote.port &&
            same(this.local, local.address.address) && same(this.remote, remote.address.address)

    private fun same(socket: ByteArray, end: ByteArray): Boolean =
        socket.contentEquals(end) || (socket.size == 16 && end.size == 4 && (socket.contentEquals(MAPPED + end) || unspecified(socket, end)))

    private fun unspecified(socket: ByteArray, end: ByteArray): Boolean = socket.all { it.toInt() == 0 } && end.all { it.toInt() == 0 }

    companion object {
        private val MAPPED = ByteArray(10) + byteArrayOf(-1, -1)
        private const val COLUMNS = 8
        private const val UID = 7

        /** The socket in [line]; null for the heading and for what is no row. */
        fun parse(line: String): ProcNetRow? {
            val columns = line.trim().split(' ').filter { it.isNotEmpty() }
            if (columns.size < COLUMNS) return null
            val (local, localPort) = end(columns[1]) ?: return null
            val (remote, remotePort) = end(columns[2]) ?: return null
            val uid = columns[UID].toIntOrNull() ?: return null
            return ProcNetRow(local, localPort, remote, remotePort, uid)
        }

        // `0100007F:1F90`: 32-bit words as the processor stores them, which is little-endian on all of Android.
        private fun end(text: String): Pair<ByteArray, Int>? {
            val (address, port) = text.split(':').takeIf { it.size == 2 } ?: return null
            if (address.length != 8 && address.length != 32) return null
            val bytes = address.chunked(2).map { it.toIntOrNull(16)?.toByte() ?: return null }
            val number = port.toIntOrNull(16) ?: return null
            return bytes.chunked(4).flatMap { it.reversed() }.toByteArray() to number
        }
    }
}
