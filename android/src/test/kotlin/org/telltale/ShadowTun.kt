package org.telltale

import android.net.VpnService
import android.os.ParcelFileDescriptor
import java.io.FileDescriptor
import java.net.InetAddress
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.RealObject
import org.robolectric.shadow.api.Shadow

/**
 * `VpnService.Builder` that remembers what it was asked for and establishes [Tun.next]. Use with [ShadowFd]:
 * `@Config(shadows = [ShadowVpnBuilder::class, ShadowFd::class])`.
 */
@Implements(VpnService.Builder::class)
class ShadowVpnBuilder {
    @RealObject lateinit var real: VpnService.Builder

    @Implementation fun setSession(name: String) = call("session $name")
    @Implementation fun setMtu(mtu: Int) = call("mtu $mtu")
    @Implementation fun setBlocking(blocking: Boolean) = call("blocking $blocking")
    @Implementation fun setMetered(metered: Boolean) = call("metered $metered")
    @Implementation fun addAddress(address: InetAddress, length: Int) = call("address ${address.hostAddress}/$length")
    @Implementation fun addRoute(address: InetAddress, length: Int) = call("route ${address.hostAddress}/$length")
    @Implementation fun addDnsServer(address: InetAddress) = call("dns ${address.hostAddress}")
    @Implementation fun addDisallowedApplication(name: String) = call("without $name")
    @Implementation fun allowBypass() = call("bypass")

    @Implementation
    fun establish(): ParcelFileDescriptor? {
        Tun.established++
        Tun.failure?.let { throw it }
        return Tun.next()?.let(ParcelFileDescriptor::adoptFd)
    }

    private fun call(what: String): VpnService.Builder {
        Tun.calls += what
        return real
    }
}

/** What the shadowed builder did and will do. Reset it before each test. */
object Tun {
    val calls = mutableListOf<String>()
    var established = 0
    var failure: RuntimeException? = null

    /** The descriptor of the next TUN; null when the user has not allowed the VPN. */
    var next: () -> Int? = { 100 }

    fun reset() {
        calls.clear()
        established = 0
        failure = null
        next = { 100 }
    }
}

/** A descriptor that is only its number: Robolectric's own is backed by a file and knows no adopted ones. */
@Implements(ParcelFileDescriptor::class)
class ShadowFd {
    private var number = -1

    @Implementation fun getFd(): Int = number.also { check(it >= 0) { "already closed" } }

    @Implementation
    fun detachFd(): Int = getFd().also { number = -1 }

    @Implementation
    fun close() {
        number = -1
    }

    companion object {
        @JvmStatic
        @Implementation
        fun adoptFd(fd: Int): ParcelFileDescriptor {
            val types = arrayOf<Class<*>>(FileDescriptor::class.java)
            val made = Shadow.newInstance(ParcelFileDescriptor::class.java, types, arrayOf<Any>(FileDescriptor()))
            Shadow.extract<ShadowFd>(made).number = fd
            return made
        }
    }
}
