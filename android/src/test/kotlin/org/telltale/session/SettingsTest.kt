package org.telltale.session

import android.os.UserManager
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.telltale.app
import org.telltale.engine.WatchedValue

@RunWith(RobolectricTestRunner::class)
class SettingsTest {
    private val imei = WatchedValue("imei", "356938035643809")

    @Test
    fun choicesAreKept() {
        Settings(app).apply { watchFromBoot = true; home = "NO" }
        val read = Settings(app)
        assertTrue(read.watchFromBoot)
        assertEquals("NO", read.home)
        assertFalse(read.drill)
        read.home = null
        assertNull(Settings(app).home)
    }

    @Test
    fun valuesCannotBeReadBeforeTheUnlock() {
        WatchedValues(app).set(listOf(imei))
        assertEquals(listOf(imei), WatchedValues(app).get())
        shadowOf(app.getSystemService(UserManager::class.java)).setUserUnlocked(false)
        assertEquals(emptyList<WatchedValue>(), WatchedValues(app).get())
    }

    @Test
    fun shortValuesAreOfNoUse() {
        assertFalse(WatchedValues.usable("12-34"))
        assertTrue(WatchedValues.usable("123456"))
    }
}
