package org.telltale.vpn

import android.content.pm.PackageManager
import android.net.Network
import android.net.VpnService
import android.os.Build
import java.net.InetAddress
import org.telltale.SdkGuarded

/**
 * The tunnel as it is asked of the system: everything goes into it, IPv4 and IPv6, whether or not the network has both.
 *
 * @property dns servers of the network below; queries to them pass through the tunnel and on to the same servers.
 * @property network the network below; null when there is none yet.
 */
data class TunConfig(val dns: List<InetAddress> = emptyList(), val network: Network? = null) {
    /** Puts it all into [builder]. [ownPackage] stays outside: the engine's connections must not come back to it. */
    @SdkGuarded
    fun applyTo(builder: VpnService.Builder, ownPackage: String): VpnService.Builder {
        builder.setSession("Telltale").setMtu(MTU).setBlocking(false)
        builder.addAddress(ADDRESS_4, 32).addAddress(ADDRESS_6, 128)
        builder.addRoute(ANY_4, 0).addRoute(ANY_6, 0)
        dns.forEach(builder::addDnsServer)
        network?.let { builder.setUnderlyingNetworks(arrayOf(it)) }
        try {
            builder.addDisallowedApplication(ownPackage)
        } catch (missing: PackageManager.NameNotFoundException) {
            // The sockets are protected one by one as well.
        }
        // Else apps would hold back as on mobile data, and the phone would not be seen as it is.
        if (Build.VERSION.SDK_INT >= 29) builder.setMetered(false)
        return builder
    }

    companion object {
        /** Bytes of the largest packet: TCP ends in the engine, and long packets cost a third. See docs/mtu.md. */
        const val MTU = 9000

        // Addresses that no network hands out are the least likely to hide one.
        private val ADDRESS_4 = InetAddress.getByName("10.215.173.2")
        private val ADDRESS_6 = InetAddress.getByName("fd66:f83a:c650::2")
        private val ANY_4 = InetAddress.getByName("0.0.0.0")
        private val ANY_6 = InetAddress.getByName("::")
    }
}
