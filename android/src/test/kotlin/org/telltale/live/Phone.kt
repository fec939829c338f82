package org.telltale.live

import android.net.VpnService
import android.os.ParcelFileDescriptor
import java.io.File
import java.io.FileDescriptor
import java.net.InetAddress
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.RealObject
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowVpnService

/** A network namespace whose only way out is the TUN: the phone's apps, played by curl and dig. */
internal class Phone : AutoCloseable {
    private val holder = ProcessBuilder("unshare", "--net", "sleep", "600").start()
    private var device: String? = null
    private var count = 0

    init {
        eventually("the phone's namespace is another one") { namespace(holder.pid()) != namespace(ProcessHandle.current().pid()) }
        inside("ip", "link", "set", "lo", "up")
    }

    /** Makes the TUN that [tunnel] asks for. Returns its descriptor. */
    fun establish(tunnel: Tunnel): Int {
        // The system takes the old interface away when the new one is there.
        device?.let { inside("ip", "link", "delete", it) }
        val name = "tun${count++}"
        val fd = LinuxTun.open(name)
        shell("ip", "link", "set", name, "netns", "${holder.pid()}")
        tunnel.addresses.forEach { inside("ip", "address", "add", it, "dev", name, *nodad(it)) }
        inside("ip", "link", "set", name, "mtu", "${tunnel.mtu}", "up")
        tunnel.routes.forEach { inside("ip", *family(it), "route", "add", it, "dev", name) }
        device = name
        return fd
    }

    /** Runs a command there. */
    fun inside(vararg command: String): String =
        shell("nsenter", "--net=/proc/${holder.pid()}/ns/net", "--", *command)

    /** Whether the phone has the tunnel's interface. */
    fun hasTunnel(): Boolean = device?.let { it in inside("ip", "-brief", "link") } ?: false

    /** The file that stands for its namespace. */
    fun namespaceFile(): String = "/proc/${holder.pid()}/ns/net"

    override fun close() {
        holder.destroy()
        holder.waitFor(10, TimeUnit.SECONDS)
    }

    private fun namespace(pid: Long): String? =
        runCatching { File("/proc/$pid/ns/net").toPath().let(java.nio.file.Files::readSymbolicLink).toString() }.getOrNull()

    private fun nodad(address: String) = if (':' in address) arrayOf("nodad") else emptyArray()

    private fun family(route: String) = if (':' in route) arrayOf("-6") else emptyArray()
}

/** What a `VpnService.Builder` was told. */
internal class Tunnel {
    val addresses = ArrayList<String>()
    val routes = ArrayList<String>()
    val dns = ArrayList<String>()
    var mtu = 0
}

/** Establishes what it is told on [phone]. */
@Implements(VpnService.Builder::class)
class LiveVpnBuilder {
    @RealObject private lateinit var builder: VpnService.Builder
    private val tunnel = Tunnel()

    @Implementation
    fun setMtu(mtu: Int): VpnService.Builder = builder.also { tunnel.mtu = mtu }

    @Implementation
    fun addAddress(address: InetAddress, prefix: Int): VpnService.Builder =
        builder.also { tunnel.addresses += "${address.hostAddress}/$prefix" }

    @Implementation
    fun addRoute(address: InetAddress, prefix: Int): VpnService.Builder =
        builder.also { tunnel.routes += "${address.hostAddress}/$prefix" }

    @Implementation
    fun addDnsServer(address: InetAddress): VpnService.Builder = builder.also { tunnel.dns += address.hostAddress!! }

    @Implementation
    fun addDisallowedApplication(@Suppress("UNUSED_PARAMETER") name: String): VpnService.Builder = builder

    @Implementation
    fun establish(): ParcelFileDescriptor? = phone?.let { ParcelFileDescriptor.adoptFd(it.establish(tunnel)) }

    companion object {
        internal var phone: Phone? = null
    }
}

/** Protects sockets, which here needs no work: the engine's namespace has no tunnel. */
@Implements(VpnService::class)
class ProtectingService : ShadowVpnService() {
    @Implementation
    fun protect(socket: Int): Boolean = (socket > 2).also { if (it) protected.incrementAndGet() }

    companion object {
        /** How many sockets were protected. */
        internal val protected = AtomicInteger()
    }
}

/** Descriptors are numbers here; Robolectric's own shadow knows files only. */
@Implements(ParcelFileDescriptor::class)
class NumberedDescriptor {
    private var number = -1

    @Implementation
    fun getFd(): Int = number.also { check(it >= 0) { "already closed" } }

    @Implementation
    fun detachFd(): Int = getFd().also { number = -1 }

    @Implementation
    fun close() {
        if (number >= 0) LinuxTun.close(number)
        number = -1
    }

    companion object {
        @Implementation
        @JvmStatic
        fun adoptFd(fd: Int): ParcelFileDescriptor {
            val descriptor = Shadow.newInstance(
                ParcelFileDescriptor::class.java, arrayOf(FileDescriptor::class.java), arrayOf(FileDescriptor()),
            )
            Shadow.extract<NumberedDescriptor>(descriptor).number = fd
            return descriptor
        }
    }
}
