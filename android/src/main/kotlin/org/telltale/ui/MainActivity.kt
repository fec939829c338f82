package org.telltale.ui

import android.Manifest
import android.content.Intent
import android.content.pm.PackageManager
import android.net.VpnService
import android.os.Build
import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.PopupMenu
import org.telltale.R
import org.telltale.session.Session
import org.telltale.session.SessionState
import org.telltale.session.SessionView
import org.telltale.session.Watch

/** The session that runs, or ran last, and the button that begins and ends it. */
class MainActivity : Screen(), Session.Listener {
    private lateinit var overview: Overview
    private val model by lazy { LiveModel(this) }

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        show(R.layout.screen_overview)
        findViewById<View>(R.id.back).visibility = View.GONE
        overview = Overview(this, { finding -> FindingActivity.open(this, app.session.view.name, finding) }, { showFlow(it) })
        findViewById<View>(R.id.action).setOnClickListener { startOrStop() }
        findViewById<View>(R.id.second).setOnClickListener { openReport() }
        findViewById<View>(R.id.sessions).setOnClickListener { startActivity(Intent(this, SessionsActivity::class.java)) }
        findViewById<View>(R.id.settings).setOnClickListener { startActivity(Intent(this, SettingsActivity::class.java)) }
        findViewById<View>(R.id.more).setOnClickListener(::showMore)
    }

    override fun onStart() {
        super.onStart()
        app.session.add(this)
    }

    override fun onStop() {
        app.session.remove(this)
        super.onStop()
    }

    override fun onSession(view: SessionView) {
        overview.show(model.of(view))
        val action = findViewById<Button>(R.id.action)
        val finishing = view.state is SessionState.Finishing
        action.setText(if (finishing) R.string.stopping else if (view.active) R.string.stop else R.string.start)
        action.isEnabled = !finishing
        val second = findViewById<Button>(R.id.second)
        second.setText(R.string.open_report)
        second.visibility = if (!view.active && view.name != null) View.VISIBLE else View.GONE
    }

    private fun startOrStop() {
        if (app.session.view.active) return app.session.stop()
        askToNotify()
        // The system asks only once; what it asks for is explained before.
        if (VpnService.prepare(this) == null) Watch.start(this) else startActivity(Intent(this, ConsentActivity::class.java))
    }

    private fun askToNotify() {
        if (Build.VERSION.SDK_INT < 33) return
        val permission = Manifest.permission.POST_NOTIFICATIONS
        if (checkSelfPermission(permission) != PackageManager.PERMISSION_GRANTED) requestPermissions(arrayOf(permission), 0)
    }

    private fun openReport() {
        app.session.view.name?.let { SessionActivity.open(this, it) }
    }

    private fun showMore(anchor: View) = PopupMenu(this, anchor).run {
        menu.add(R.string.open_capture).setOnMenuItemClickListener {
            open(Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("*/*"), CAPTURE)
            true
        }
        show()
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        val uri = data?.data ?: return
        if (request == CAPTURE && result == RESULT_OK) startActivity(Intent(this, OpenCaptureActivity::class.java).setData(uri))
    }

    private companion object {
        const val CAPTURE = 1
    }
}
