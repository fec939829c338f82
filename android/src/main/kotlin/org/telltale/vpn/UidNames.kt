package org.telltale.vpn

import android.content.pm.PackageManager
import java.util.concurrent.ConcurrentHashMap

/**
 * Names of UIDs: the package, or a description where there is none or more than one.
 *
 * @param packages the packages of a UID; none when it has none, or the phone is still locked and hides them.
 */
class UidNames(private val packages: (Int) -> List<String>) {
    constructor(manager: PackageManager) : this({ uid -> manager.getPackagesForUid(uid)?.sorted().orEmpty() })

    private val known = ConcurrentHashMap<Int, String>()

    /** What to call [uid]. */
    fun of(uid: Int): String = known[uid] ?: name(uid)

    private fun name(uid: Int): String {
        val names = packages(uid)
        return when (names.size) {
            // Not kept: a package that is hidden before the unlock has a name after it.
            0 -> SYSTEM[uid % PER_USER] ?: "UID $uid"
            1 -> names[0].also { known[uid] = it }
            else -> shared(uid, names).also { known[uid] = it }
        }
    }

    private fun shared(uid: Int, names: List<String>): String {
        val more = names.size - LISTED
        val listed = names.take(LISTED).joinToString(", ")
        return "UID $uid: one of $listed" + if (more > 0) " and $more more" else ""
    }

    private companion object {
        const val PER_USER = 100_000
        const val LISTED = 4

        // AOSP, system/core/libcutils/include/private/android_filesystem_config.h: those that open connections.
        val SYSTEM = mapOf(
            0 to "root", 1000 to "system (UID 1000)", 1001 to "radio (UID 1001)", 1010 to "wifi (UID 1010)", 1013 to "mediaserver (UID 1013)",
            1016 to "vpn (UID 1016)", 1020 to "mdnsr (UID 1020)", 1021 to "gps (UID 1021)", 1051 to "dns (UID 1051)",
            1052 to "dns_tether (UID 1052)", 1073 to "network_stack (UID 1073)", 2000 to "shell (UID 2000)", 9999 to "nobody (UID 9999)",
        )
    }
}
