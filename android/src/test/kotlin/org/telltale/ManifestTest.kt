package org.telltale

import android.content.pm.PackageManager
import android.content.pm.ServiceInfo
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** What the manifest promises to users. */
@RunWith(RobolectricTestRunner::class)
class ManifestTest {
    private val info = app.packageManager.getPackageInfo(
        app.packageName,
        PackageManager.GET_PERMISSIONS or PackageManager.GET_SERVICES or PackageManager.GET_ACTIVITIES or PackageManager.GET_RECEIVERS or
            PackageManager.GET_META_DATA,
    )

    @Test
    fun asksForNoMore() {
        assertEquals(
            listOf(
                "ACCESS_NETWORK_STATE", "FOREGROUND_SERVICE", "FOREGROUND_SERVICE_SPECIAL_USE", "INTERNET", "POST_NOTIFICATIONS",
                "QUERY_ALL_PACKAGES", "RECEIVE_BOOT_COMPLETED",
            ),
            info.requestedPermissions!!.map { it.removePrefix("android.permission.") }.sorted(),
        )
    }

    @Test
    fun theServiceMayStartBeforeTheUnlock() {
        val service = info.services!!.single()
        assertTrue(service.directBootAware)
        assertEquals("android.permission.BIND_VPN_SERVICE", service.permission)
        assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE, service.foregroundServiceType)
        assertTrue(service.metaData.getBoolean("android.net.VpnService.SUPPORTS_ALWAYS_ON"))
        assertTrue(info.receivers!!.single().directBootAware)
    }

    @Test
    fun opensOnlyWhatMustBeOpen() {
        val open = info.activities!!.filter { it.exported }.map { it.name.substringAfterLast('.') }.sorted()
        assertEquals(listOf("MainActivity", "OpenCaptureActivity"), open)
        assertFalse(info.receivers!!.single().exported)
        assertFalse(info.services!!.single().exported)
    }
}
