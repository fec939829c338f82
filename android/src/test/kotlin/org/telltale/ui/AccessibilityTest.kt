package org.telltale.ui

import android.app.Activity
import android.content.Intent
import android.view.View
import android.widget.EditText
import android.widget.ImageButton
import android.widget.ListView
import java.time.Instant
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.telltale.FakeEngines
import org.telltale.app
import org.telltale.awaitMain
import org.telltale.demoFindings
import org.telltale.demoReport
import org.telltale.engine.EngineConfig
import org.telltale.engine.EngineEvent
import org.telltale.engine.NoHost
import org.telltale.engine.WatchedValue
import org.telltale.engine.parseReport
import org.telltale.report.SessionStore
import org.telltale.report.Summary
import org.telltale.session.WatchedValues

/** What can be touched is large enough and has a name, on every screen, in both directions of writing. */
@RunWith(RobolectricTestRunner::class)
@Config(qualifiers = "w360dp-h640dp-xhdpi")
class AccessibilityTest {
    private val engines = FakeEngines()

    @Before
    fun setUp() {
        app.engineFactory = engines
        val files = SessionStore(app).create(Instant.parse("2026-11-22T21:29:00Z"))
        files.write(Summary(ended = true, flows = 3, findings = 1, worst = "HIGH"))
        app.session.prepare(files, EngineConfig("s"), NoHost)
        app.session.attach { 7 }
        parseReport(demoReport()).flows.forEach { engines.last.emit(EngineEvent.FlowSeen(it)) }
        demoFindings().forEach { engines.last.emit(EngineEvent.Flagged(it)) }
        WatchedValues(app).set(listOf(WatchedValue("imei", "356938035643809")))
    }

    private fun screens(): List<Activity> {
        val name = app.session.view.name
        val finding = Intent(app, FindingActivity::class.java).putExtra("session", name).putExtra("finding", 2L)
        val session = Intent(app, SessionActivity::class.java).putExtra("session", name)
        return listOf(
            Robolectric.buildActivity(MainActivity::class.java).setup().get(),
            Robolectric.buildActivity(ConsentActivity::class.java).setup().get(),
            Robolectric.buildActivity(FindingActivity::class.java, finding).setup().get(),
            Robolectric.buildActivity(SessionsActivity::class.java).setup().get(),
            Robolectric.buildActivity(SessionActivity::class.java, session).setup().get(),
            Robolectric.buildActivity(SettingsActivity::class.java).setup().get(),
        ).onEach { screen -> awaitMain("$screen") { Shots.texts(screen).size > 1 } }
    }

    private fun touchable(screen: Activity): List<View> = Shots.views(screen.window.decorView).flatMap { view ->
        if (view is ListView) rows(view) else if (view.isClickable) listOf(view) else emptyList()
    }

    // A list takes the touches of its rows.
    private fun rows(list: ListView): List<View> =
        (0 until list.childCount).filter { list.adapter.isEnabled(list.firstVisiblePosition + it) }.map(list::getChildAt)

    private fun name(view: View): String = "${view.context::class.java.simpleName}: ${view.resources.getResourceEntryName(view.id.takeIf { it > 0 } ?: android.R.id.content)}"

    @Test
    fun targetsAreLargeEnough() {
        val least = 48 * app.resources.displayMetrics.density
        val all = screens().flatMap(::touchable).filter { it !is EditText && !(it is android.widget.TextView && it.isTextSelectable) }
        assertTrue("there are targets", all.size > 20)
        assertEquals(emptyList<String>(), all.filter { it.height < least }.map(::name))
    }

    @Test
    fun picturesThatDoSomethingHaveNames() {
        val buttons = screens().flatMap { Shots.views(it.window.decorView) }.filterIsInstance<ImageButton>()
        assertTrue(buttons.size > 5)
        assertEquals(emptyList<String>(), buttons.filter { it.contentDescription.isNullOrEmpty() }.map(::name))
    }

    @Test
    fun rowsAreReadAsOne() {
        val list = screens().first().findViewById<ListView>(org.telltale.R.id.list)
        val row = list.getChildAt(1)
        assertTrue("${row.contentDescription}", "Critical" in row.contentDescription && "in clear" in row.contentDescription)
    }

    @Test
    @Config(qualifiers = "ar-ldrtl-w411dp-h840dp-xhdpi")
    fun rightToLeft() {
        val main = screens().first()
        assertEquals(View.LAYOUT_DIRECTION_RTL, main.window.decorView.layoutDirection)
        Shots.draw(main, "running-rtl")
        val title = main.findViewById<View>(org.telltale.R.id.bar_title)
        val settings = main.findViewById<View>(org.telltale.R.id.settings)
        assertTrue("the title is at the right", title.left > settings.left)
    }
}
