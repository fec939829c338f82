package org.telltale.ui

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.drawable.ShapeDrawable
import android.graphics.drawable.shapes.OvalShape
import android.content.pm.ApplicationInfo
import android.content.pm.PackageInfo
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import java.io.File
import org.robolectric.Shadows.shadowOf
import org.telltale.app

/** Screens as pictures and as trees of views. */
object Shots {
    /** Draws [activity] as it is on a screen into `target/screens/NAME.png`. */
    fun draw(activity: Activity, name: String) {
        shadowOf(Looper.getMainLooper()).idle()
        val view = activity.window.decorView
        val bitmap = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(bitmap))
        val file = File("target/screens/$name.png").apply { parentFile!!.mkdirs() }
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }

    /** Every visible view below [root], itself first. */
    fun views(root: View): List<View> = when {
        root.visibility != View.VISIBLE -> emptyList()
        root is ViewGroup -> listOf(root) + (0 until root.childCount).flatMap { views(root.getChildAt(it)) }
        else -> listOf(root)
    }

    /** Every text that can be seen. */
    fun texts(activity: Activity): List<String> =
        views(activity.window.decorView).filterIsInstance<TextView>().map { it.text.toString() }.filter { it.isNotEmpty() }

    /** Installs apps of these labels, each with an icon of a colour of its own. */
    fun install(apps: Map<String, String>) = apps.entries.forEachIndexed { index, (name, label) ->
        val info = ApplicationInfo().apply { packageName = name; nonLocalizedLabel = label; flags = ApplicationInfo.FLAG_INSTALLED }
        val icon = ShapeDrawable(OvalShape()).apply {
            paint.color = COLOURS[index % COLOURS.size]
            intrinsicWidth = 96
            intrinsicHeight = 96
        }
        shadowOf(app.packageManager).run {
            installPackage(PackageInfo().apply { packageName = name; applicationInfo = info })
            setUnbadgedApplicationIcon(name, icon)
            setApplicationIcon(name, icon)
        }
    }

    private val COLOURS = intArrayOf(0xFF3B78E7.toInt(), 0xFF2E9E6B.toInt(), 0xFFE0A030.toInt(), 0xFF8C5CC4.toInt(), 0xFFCF5A6B.toInt())
}
